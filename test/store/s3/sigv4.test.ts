import { S3Client } from '@aws-sdk/client-s3'
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { createSigner } from '../../../lib/store/s3/sigv4.ts'
import { forRandomRuns } from '../../support/random.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('the signature', () => {
  // docs.aws.amazon.com, "Signature Calculations for the Authorization Header", example "PUT Object".
  test('is the one of AWS’s published example', () => {
    const sign = createSigner({ region: 'us-east-1', service: 's3' })
    const headers = sign(
      {
        method: 'PUT',
        host: 'examplebucket.s3.amazonaws.com',
        path: '/test%24file.text',
        headers: {
          date: 'Fri, 24 May 2013 00:00:00 GMT',
          'x-amz-storage-class': 'REDUCED_REDUNDANCY',
          'x-amz-content-sha256': sha256('Welcome to Amazon S3.'),
        },
        nowMs: Date.UTC(2013, 4, 24),
      },
      { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    )
    expect(headers['authorization']).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        'SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, ' +
        'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    )
  })

  test('is the SDK’s own, for any key, day, header and credentials', async () => {
    const sign = createSigner({ region: 'eu-west-1', service: 's3' })
    await forRandomRuns('signatures', 100, async (random) => {
      const word = () => Array.from({ length: 1 + Math.floor(random() * 20) }, () => letterOf(random)).join('')
      const credentials = {
        accessKeyId: word(),
        secretAccessKey: word(),
        ...(random() < 0.5 ? { sessionToken: word() } : {}),
      }
      const host = 'my-bucket.s3.eu-west-1.amazonaws.com'
      const path = `/${encodeURIComponent(word())}/${encodeURIComponent(word())}`
      const headers: Record<string, string> = {
        'x-amz-content-sha256': sha256(word()),
        'content-type': 'application/octet-stream',
        'x-amz-meta-note': `  ${word()}   ${word()} `,
        ...(random() < 0.5 ? { 'if-none-match': '*' } : { 'if-match': word() }),
      }
      // Few days, so that keys are used again, by others too.
      const nowMs = Date.UTC(2026, 10, 1 + Math.floor(random() * 3), 12, 34, Math.floor(random() * 60))
      const theirs = await new S3Client({ region: 'eu-west-1', credentials }).config.signer()
      const expected = await theirs.sign(
        { method: 'PUT', protocol: 'https:', hostname: host, path, query: {}, headers: { ...headers, host } },
        { signingDate: new Date(nowMs) },
      )
      const ours = sign({ method: 'PUT', host, path, headers, nowMs }, credentials)
      expect(ours).toEqual(expected.headers)
    })
  })
})

function letterOf(random: () => number): string {
  return String.fromCodePoint(33 + Math.floor(random() * 94))
}
