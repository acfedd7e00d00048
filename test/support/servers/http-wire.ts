// Just enough of HTTP/1.1 on the wire to tell where a message ends, for a proxy that hands bytes on as they are.

/** A whole message as it stood on the wire; `body` is still chunked if it was sent so. */
export type WireMessage = { readonly startLine: string; readonly head: Buffer; readonly body: Buffer }

export type WireReader = {
  /** The next whole message, or undefined once the other side has ended. `isHead`: it has no body, whatever it says. */
  next(isHead?: boolean): Promise<WireMessage | undefined>
}

const HEAD_END = '\r\n\r\n'

/** Reads messages off a connection's bytes, one after the other. */
export function readMessages(bytes: AsyncIterable<Uint8Array>): WireReader {
  const source = bytes[Symbol.asyncIterator]()
  let left: Buffer = Buffer.alloc(0)
  let isEnded = false

  async function readMore(): Promise<void> {
    // A connection that was reset has ended as well.
    const step = await source.next().catch(() => ({ done: true, value: undefined }))
    if (step.done === true || step.value === undefined) isEnded = true
    else left = Buffer.concat([left, step.value])
  }

  async function next(isHead = false): Promise<WireMessage | undefined> {
    for (;;) {
      const end = messageEnd(left, { isHead, isEnded })
      if (end !== undefined) {
        const message = left.subarray(0, end)
        left = left.subarray(end)
        const bodyStart = message.indexOf(HEAD_END) + HEAD_END.length
        const startLine = message.subarray(0, message.indexOf('\r\n')).toString('latin1')
        // "100 Continue" and its like go before the answer.
        if (/^HTTP\/1\.\d 1\d\d/.test(startLine)) continue
        return { startLine, head: message.subarray(0, bodyStart), body: message.subarray(bodyStart) }
      }
      if (isEnded) return undefined
      await readMore()
    }
  }
  return { next }
}

/** Where the first message ends, or undefined as long as it is not all there. */
function messageEnd(bytes: Buffer, { isHead, isEnded }: { isHead: boolean; isEnded: boolean }): number | undefined {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return undefined
  const start = headEnd + HEAD_END.length
  const head = bytes.subarray(0, start).toString('latin1')
  if (isHead || /^HTTP\/1\.\d (?:1\d\d|204|304)/.test(head)) return start
  if (/^transfer-encoding:.*chunked/im.test(head)) return chunkedEnd(bytes, start)
  const announced = /^content-length:\s*(\d+)/im.exec(head)?.[1]
  if (announced !== undefined) return bytes.length >= start + Number(announced) ? start + Number(announced) : undefined
  // A request without a length has no body; an answer without one goes on to the connection's end.
  if (!head.startsWith('HTTP/')) return start
  return isEnded ? bytes.length : undefined
}

function chunkedEnd(bytes: Buffer, start: number): number | undefined {
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    // What is no size ends the message too: it is not for a proxy to mend.
    if (!(size > 0)) {
      // Trailers, if any, end with an empty line, which the last chunk's own line end may be a part of.
      const end = bytes.indexOf(HEAD_END, lineEnd)
      return end < 0 ? undefined : end + HEAD_END.length
    }
    at = lineEnd + 2 + size + 2
  }
}
