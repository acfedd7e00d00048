// What both stores promise; the suite itself is in support/lakes/store-contract.ts.
import { openFolderStore } from '../../lib/store/folder/folder.ts'
import { startFakeS3 } from '../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../support/lakes/s3-store.ts'
import { describeStore } from '../support/lakes/store-contract.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'

describeStore('S3', async () => {
  const fake = await startFakeS3()
  fake.pageSize = 7
  const restore = setAwsEnvironment(fake.env())
  const close = async () => {
    restore()
    await fake.stop()
  }
  return { open: () => openTestStore(), close }
})

describeStore('folder', async () => {
  const folder = await makeTempFolder()
  return { open: () => openFolderStore({ folder: `${folder.path}/lake`, nowMs: Date.now }), close: folder.remove }
})
