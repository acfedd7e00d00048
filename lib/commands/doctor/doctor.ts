// `ingest doctor`: is the set-up ready for a run? Three API calls and twelve requests to S3 at the most, with tables
// fifteen; one probe is written.

import { DOCTOR_SETTINGS } from '../../cli/lake-settings.ts'
import { targetLocation, type VendorSettings } from '../../core/config.ts'
import { DOCTOR_VERSION, doctorText, type Doctor } from '../../report/doctor.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { planLine } from '../../report/summary.ts'
import type { LakeCommand } from '../inspect/inspect.ts'
import { printFindings } from '../inspect/look.ts'
import { runChecks, type Check } from './checks.ts'
import { openContext, type Context, type DoctorValues } from './context.ts'
import { LIST_CHECK, RUN_CHECKS } from './run-checks.ts'
import { LEDGER_CHECK, STORE_CHECKS, TABLE_CHECK } from './store-checks.ts'
import { VENDOR_CHECKS } from './vendor-checks.ts'

const MOST_CALLS = 3

/** The clock is checked when all servers have answered. */
function checksFor({ keepsTables }: DoctorValues, { usesLedger }: VendorSettings): readonly Check<Context>[] {
  const ofTables = keepsTables ? [TABLE_CHECK] : []
  const ofLedger = usesLedger ? [LEDGER_CHECK] : []
  return [LIST_CHECK, ...VENDOR_CHECKS, ...STORE_CHECKS, ...ofTables, ...ofLedger, ...RUN_CHECKS]
}

export const DOCTOR_COMMAND: LakeCommand<typeof DOCTOR_SETTINGS> = {
  settings: DOCTOR_SETTINGS,
  asksVendor: () => true,
  usesTables: ({ keepsTables }) => keepsTables,
  failureCode: 1,
  run: async (look, own) => {
    const { config, effects, startMs, warn } = look
    const { vendor } = config
    if (vendor === undefined) throw new Error('Doctor asks the vendor.')
    for (const warning of config.warnings) warn(warning)
    // At the default rate this takes half a minute, in which nothing else is shown.
    const isSlow = vendor.rateLimitSeconds > 0 && !config.isJson && !config.isQuiet
    if (isSlow) effects.printError(`⏳ ${planLine(MOST_CALLS, vendor.rateLimitSeconds)}\n`)
    const checks = await runChecks(checksFor(own, vendor), openContext(look, own, vendor))
    const document: Doctor = {
      schema_version: DOCTOR_VERSION,
      run_id: runIdOf(startMs),
      target: targetLocation(config.target),
      ok: checks.every(({ status }) => status !== 'fail'),
      checks,
    }
    return await printFindings({ document, text: doctorText(document), code: document.ok ? 0 : 1 }, look)
  },
}
