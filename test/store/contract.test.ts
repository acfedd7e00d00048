// What both stores promise, opened as the program opens them; the suite itself is in support/lakes/store-contract.ts.
import { openFolderStore } from '../../lib/store/folder/folder.ts'
import { withGcTrigger } from '../../lib/store/gc-trigger.ts'
import { startFakeS3 } from '../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../support/lakes/s3-store.ts'
import { createMemoryStore } from '../support/lakes/memory-store.ts'
import { describeSharedText, describeStore } from '../support/lakes/store-contract.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'

describeStore('S3', async () => {
  const fake = await startFakeS3()
  fake.pageSize = 7
  const restore = setAwsEnvironment(fake.env())
  const close = async () => {
    restore()
    await fake.stop()
  }
  return { open: async () => withGcTrigger(await openTestStore()), close }
})

describeStore('folder', async () => {
  const folder = await makeTempFolder()
  const options = { folder: `${folder.path}/lake`, nowMs: Date.now }
  return { open: async () => withGcTrigger(await openFolderStore(options)), close: folder.remove }
})

// The tests of the ledger rely on it.
describeSharedText('memory', async () => {
  const store = createMemoryStore(Date.now)
  return { open: async () => store, close: async () => undefined }
})
