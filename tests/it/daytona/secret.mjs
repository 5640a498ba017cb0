// Secrets, by the official SDK: made, listed, changed, given to sandboxes, and never shown.

import assert from 'node:assert/strict'

const { Daytona, DaytonaConflictError, DaytonaNotFoundError } = await import(process.argv[2])

const daytona = new Daytona()
const value = 'a value that is never shown'
const made = await daytona.secret.create({ name: 'far-one', value, hosts: ['api.example.org'] })
assert.equal(made.name, 'far-one')
assert.ok(!JSON.stringify(made).includes(value))
await assert.rejects(daytona.secret.create({ name: 'far-one', value, hosts: ['a.example'] }), DaytonaConflictError)
assert.deepEqual((await daytona.secret.list()).items.map((one) => one.id), [made.id])
assert.equal((await daytona.secret.update(made.id, { description: 'changed' })).description, 'changed')
assert.equal((await daytona.secret.get(made.id)).description, 'changed')

const sandbox = await daytona.create({ secrets: { KEY: 'far-one' } })
const said = async () => (await sandbox.process.executeCommand('echo $KEY')).result.trim()
assert.match(await said(), /^infield_secret_far_one_\w+$/)
await sandbox.updateSecrets({})
assert.equal(await said(), '')
await daytona.secret.delete(made.id)
await assert.rejects(daytona.secret.get(made.id), DaytonaNotFoundError)
await sandbox.delete()
await daytona[Symbol.asyncDispose]()
