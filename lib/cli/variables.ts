// The settings of a run that come from the environment only, in the order of --help. Their form is in setting.ts.

import { FMP_BASE_URL } from '../core/config.ts'
import type { Settings } from './setting.ts'

/** What schedulers set for a task that they start. With `--shard none` nothing of it counts. */
const SCHEDULERS = {
  slurmTask: {
    variable: 'SLURM_ARRAY_TASK_ID',
    value: 'countOrNone',
    details: 'Set by Slurm for a task of an array: the shard is its place among the tasks.',
  },
  slurmFirst: { variable: 'SLURM_ARRAY_TASK_MIN', value: 'countOrNone', details: 'Set by Slurm: the first task.' },
  slurmLast: { variable: 'SLURM_ARRAY_TASK_MAX', value: 'countOrNone', details: 'Set by Slurm: the last task.' },
  slurmCount: { variable: 'SLURM_ARRAY_TASK_COUNT', value: 'shards', details: 'Set by Slurm: the number of tasks.' },
  slurmStep: {
    variable: 'SLURM_ARRAY_TASK_STEP',
    value: 'count',
    default: '1',
    details: 'Set by Slurm: the distance between two tasks.',
  },
  slurmJob: { variable: 'SLURM_ARRAY_JOB_ID', value: 'runGroup', details: 'Set by Slurm: the run group of a shard.' },
  completionIndex: {
    variable: 'JOB_COMPLETION_INDEX',
    value: 'countOrNone',
    details: 'Set by Kubernetes in an Indexed Job: the shard, counted from 0. `SHARD_COUNT` must be its `completions`.',
  },
  batchIndex: {
    variable: 'AWS_BATCH_JOB_ARRAY_INDEX',
    value: 'countOrNone',
    details: 'Set by AWS Batch for a job of an array: the shard, counted from 0.',
  },
  batchSize: {
    variable: 'AWS_BATCH_JOB_ARRAY_SIZE',
    value: 'shards',
    details: 'Set by AWS Batch: the number of shards.',
  },
  batchJob: {
    variable: 'AWS_BATCH_JOB_ID',
    value: 'runGroup',
    details: 'Set by AWS Batch: the run group of a shard, without `:` and what follows.',
  },
  cloudRunIndex: {
    variable: 'CLOUD_RUN_TASK_INDEX',
    value: 'countOrNone',
    details: 'Set by Cloud Run for a task of a job: the shard, counted from 0.',
  },
  cloudRunCount: {
    variable: 'CLOUD_RUN_TASK_COUNT',
    value: 'shards',
    details: 'Set by Cloud Run: the number of shards.',
  },
  cloudRunExecution: {
    variable: 'CLOUD_RUN_EXECUTION',
    value: 'runGroup',
    details: 'Set by Cloud Run: the run group of a shard.',
  },
  workflowRun: { variable: 'GITHUB_RUN_ID', value: 'runGroup', details: 'Set by GitHub: the run group of a shard.' },
} as const satisfies Settings

export const VARIABLES = {
  apiKey: {
    variable: 'FMP_API_KEY',
    value: 'text',
    otherwise: 'required',
    help: 'API key; read from here only',
    details: 'A dry run needs none.',
    isSecret: true,
  },
  bucket: { variable: 'S3_BUCKET', value: 'bucket', otherwise: 'required without --out', help: 'bucket to store in' },
  prefix: {
    variable: 'S3_RAW_PREFIX',
    value: 'prefix',
    default: 'raw',
    help: 'key prefix of the data',
    details: 'Slashes at its ends are dropped.',
  },
  tablePrefix: {
    variable: 'S3_TABLE_PREFIX',
    value: 'tablePrefix',
    default: 'tables',
    help: 'key prefix of the tables that readers take in one line',
    details:
      'It must not lead into a folder of the data, nor the data into a folder of the tables. Readers make a column of a part `NAME=VALUE`, so it has no `=`.',
  },
  rateLimitSeconds: {
    variable: 'RATE_LIMIT_SECONDS',
    value: 'pause',
    default: '15.0',
    help: 'least seconds between the starts of two API requests; 0: no limit',
    details: 'The default is kind to the 250 calls a day of the free plan. 0.25 is 300 calls a minute, 0.1 is 750.',
  },
  maxWorkers: {
    variable: 'MAX_WORKERS',
    value: 'workers',
    default: '5',
    help: 'symbols worked on at once',
    details: 'Without a rate limit, at 20 ms to S3, 5 do 440 new symbols of a night a second and 50 do 500.',
  },
  uploadConcurrency: {
    variable: 'UPLOAD_CONCURRENCY',
    value: 'requests',
    default: '192',
    help: 'S3 requests in flight, 1 to 256',
    details:
      'The program halves it by itself while the store asks for less. Measured: at 20 ms to S3 the cores are the limit from the default on.',
  },
  apiTimeoutSeconds: {
    variable: 'API_TIMEOUT_SECONDS',
    value: 'timeout',
    default: '30',
    help: 'seconds for one API attempt, body included',
  },
  api: {
    variable: 'FMP_API',
    value: 'api',
    default: 'stable',
    help: 'stable, or v3 for keys that still may use the legacy API',
  },
  apiBaseUrl: {
    variable: 'FMP_BASE_URL',
    value: 'baseUrl',
    default: FMP_BASE_URL,
    help: 'API host',
    details: 'For a proxy or a test server. Plain HTTP only on loopback.',
  },
  dailyCalls: {
    variable: 'DAILY_CALLS',
    value: 'count',
    details: 'With `--ledger`: the most API calls of a UTC day, of all processes with the same key together.',
  },
  shardCount: {
    variable: 'SHARD_COUNT',
    value: 'shards',
    details:
      'The number of shards, where the scheduler tells a task its index only: Kubernetes with `JOB_COMPLETION_INDEX`.',
  },
  ...SCHEDULERS,
  // For people: the SDK reads them.
  aws: {
    variable: 'AWS_*',
    value: 'text',
    help: 'credentials, region, profile, role and endpoint as the AWS SDK reads them',
  },
  endpoint: { variable: 'AWS_ENDPOINT_URL_S3', value: 'text', details: 'The address of an S3-compatible store.' },
  anyEndpoint: { variable: 'AWS_ENDPOINT_URL', value: 'text', details: 'The same, for every service of AWS.' },
  requestChecksum: {
    variable: 'AWS_REQUEST_CHECKSUM_CALCULATION',
    value: 'text',
    details: '`WHEN_REQUIRED` sends no checksum with a file, for a store that does not know the header.',
  },
  responseChecksum: {
    variable: 'AWS_RESPONSE_CHECKSUM_VALIDATION',
    value: 'text',
    details: '`WHEN_REQUIRED` asks for no checksum of a file that is read.',
  },
  addressingStyle: {
    variable: 'S3_ADDRESSING_STYLE',
    value: 'addressingStyle',
    details:
      '`path` (https://host/bucket) or `virtual` (https://bucket.host). Without it: `path` where an endpoint is set, `virtual` at AWS.',
  },
  defaultRegion: { variable: 'AWS_DEFAULT_REGION', value: 'text', details: 'The region where nothing else gives one.' },
  secretAccessKey: { variable: 'AWS_SECRET_ACCESS_KEY', value: 'text', details: 'Never shown.', isSecret: true },
  sessionToken: { variable: 'AWS_SESSION_TOKEN', value: 'text', details: 'Never shown.', isSecret: true },
  credentialsEnd: {
    variable: 'AWS_CREDENTIAL_EXPIRATION',
    value: 'text',
    details:
      'When the credentials end, as `aws configure export-credentials` tells it. `ingest doctor` compares it with the time that a night takes.',
  },
  profile: {
    variable: 'AWS_PROFILE',
    value: 'text',
    details: 'The profile to take credentials from. The SDK then takes none from variables.',
  },
  skipsCertificates: {
    variable: 'NODE_TLS_REJECT_UNAUTHORIZED',
    value: 'text',
    details: '`0` turns the check of certificates off. The run warns of it.',
  },
  isInActions: { variable: 'GITHUB_ACTIONS', value: 'text', details: 'Set by GitHub: `true` in a workflow.' },
  summaryPath: { variable: 'GITHUB_STEP_SUMMARY', value: 'text', details: 'Set by GitHub: the file for the summary.' },
  runner: { variable: 'RUNNER_ENVIRONMENT', value: 'text', details: 'Set by GitHub: `github-hosted` on its runners.' },
  timeoutMinutes: {
    variable: 'JOB_TIMEOUT_MINUTES',
    value: 'minutes',
    details: 'In GitHub Actions: when the job is ended. A plan that takes longer is warned of.',
  },
  roleDurationSeconds: {
    variable: 'ROLE_DURATION_SECONDS',
    value: 'roleSeconds',
    details: 'In GitHub Actions: when the AWS credentials expire. A plan that takes longer is warned of.',
  },
} as const satisfies Settings
