// Files in and out of a sandbox, by the official SDK.

import assert from 'node:assert/strict'

const { Daytona, DaytonaNotFoundError } = await import(process.argv[2])

const daytona = new Daytona()
const sandbox = await daytona.create()
const fs = sandbox.fs

await fs.createFolder('project/deep', '755')
await fs.uploadFile(Buffer.from('one needle\n'), 'project/a.txt')
await fs.uploadFiles([
  { source: Buffer.from('first'), destination: 'project/deep/b.txt' },
  { source: Buffer.from('second'), destination: '/tmp/c.txt' },
])
const info = await fs.getFileDetails('project/a.txt')
assert.deepEqual([info.name, info.size, info.isDir, info.permissions], ['a.txt', 11, false, '0644'])
assert.deepEqual((await fs.listFiles('project')).map((entry) => entry.name).sort(), ['a.txt', 'deep'])
assert.deepEqual(
  (await fs.findFiles('project', 'needle')).map((found) => [found.file, found.line, found.content]),
  [['project/a.txt', 1, 'one needle']],
)
assert.deepEqual((await fs.searchFiles('project', 'b.*')).files, ['project/deep/b.txt'])
const [replaced] = await fs.replaceInFiles(['project/a.txt'], 'needle', 'pin')
assert.equal(replaced.success, true)
assert.equal((await fs.downloadFile('project/a.txt')).toString(), 'one pin\n')
const results = await fs.downloadFiles([{ source: '/tmp/c.txt' }, { source: 'none' }])
assert.equal(results.find((one) => one.source === '/tmp/c.txt').result.toString(), 'second')
assert.ok(results.find((one) => one.source === 'none').error)
await fs.setFilePermissions('project/a.txt', { mode: '600' })
assert.equal((await fs.getFileDetails('project/a.txt')).permissions, '0600')
await fs.moveFiles('project/a.txt', 'project/d.txt')
await assert.rejects(fs.getFileDetails('project/a.txt'), DaytonaNotFoundError)
const url = await sandbox.downloadUrl('/workspace/project/d.txt')
assert.equal(await (await fetch(url)).text(), 'one pin\n')
assert.equal((await fetch(url.replace('d.txt', 'e.txt'))).status, 401)
await fs.deleteFile('project', true)
assert.deepEqual(await fs.listFiles('.'), [])
await sandbox.delete()
