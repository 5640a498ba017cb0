// The life of a sandbox, by the TypeScript SDK whose entry is the first argument.

import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'

const { Daytona, DaytonaNotFoundError } = await import(pathToFileURL(process.argv[2]))

const daytona = new Daytona()
const sandbox = await daytona.create()
assert.equal(sandbox.state, 'started')
assert.equal(sandbox.user, 'daytona')
assert.deepEqual([sandbox.cpu, sandbox.memory, sandbox.disk], [1, 1, 3])
assert.equal((await daytona.get(sandbox.name)).id, sandbox.id)

assert.deepEqual(await sandbox.setLabels({ team: 'web' }), { team: 'web' })
await sandbox.setAutostopInterval(30)
await sandbox.setAutoArchiveInterval(60)
await sandbox.setAutoDeleteInterval(-1)
await sandbox.setTtl(90)
await sandbox.refreshActivity()
await sandbox.updateNetworkSettings({ domainAllowList: 'pypi.org' })
const seen = await daytona.get(sandbox.id)
assert.deepEqual(
  [seen.autoStopInterval, seen.autoArchiveInterval, seen.autoDeleteInterval],
  [30, 60, -1],
)
assert.equal(seen.domainAllowList, 'pypi.org')
assert.ok(Date.parse(seen.autoDestroyAt) > Date.now() + 88 * 60_000)

const link = await sandbox.getPreviewLink(3000)
assert.ok(link.url.includes(sandbox.id) && link.token.length > 0)
const signed = await sandbox.getSignedPreviewUrl(3000, 60)
assert.ok(signed.url.includes(signed.token))

const second = await daytona.create({ name: 'second', labels: { team: 'api' }, public: true })
const names = async (query) => {
  const found = []
  for await (const one of daytona.list(query)) found.push(one.name)
  return found
}
assert.deepEqual(await names({ labels: { team: 'api' } }), ['second'])
assert.deepEqual(await names({ isPublic: true }), ['second'])
assert.deepEqual(await names({ limit: 1 }), ['second', sandbox.name])

const snapshots = await daytona.snapshot.list()
assert.ok(snapshots.items.some((snapshot) => snapshot.name === 'host'))

await second.stop()
assert.equal(second.state, 'stopped')
await second.start()
assert.equal(second.state, 'started')
for (const one of [sandbox, second]) {
  await one.delete()
  await assert.rejects(daytona.get(one.id), DaytonaNotFoundError)
}
process.exit(0)
