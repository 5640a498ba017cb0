// Volumes, by the TypeScript SDK whose entry is the first argument.

import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'

const { Daytona, DaytonaBadRequestError, DaytonaConflictError, DaytonaNotFoundError } = await import(
  pathToFileURL(process.argv[2])
)

const daytona = new Daytona()
await assert.rejects(daytona.volume.get('corpus'), DaytonaNotFoundError)
const volume = await daytona.volume.get('corpus', true)
assert.equal(volume.state, 'ready')
assert.deepEqual((await daytona.volume.list()).map((one) => one.id), [volume.id])

const mount = (mountPath, subpath) => ({ volumes: [{ volumeId: volume.id, mountPath, subpath }] })
const one = await daytona.create(mount('/home/daytona/data'))
assert.equal(one.volumes[0].mountPath, '/home/daytona/data')
const two = await daytona.create(mount('/data', 'sub'))
const run = async (sandbox, command) => {
  const answer = await sandbox.process.executeCommand(command)
  assert.equal(answer.exitCode, 0, answer.result)
  return answer.result.trim()
}
await one.fs.uploadFile(Buffer.from('shared'), '/home/daytona/data/sub/note')
assert.equal((await two.fs.downloadFile('/data/note')).toString(), 'shared')
assert.equal(await run(two, "stat -c '%U' /data/note"), await run(one, "stat -c '%U' ~/data/sub/note"))

await assert.rejects(daytona.create(mount('/proc')), DaytonaBadRequestError)
await assert.rejects(daytona.volume.delete(volume), DaytonaConflictError)
for (const sandbox of [one, two]) await sandbox.delete()
await daytona.volume.delete(volume)
assert.deepEqual(await daytona.volume.list(), [])
process.exit(0)
