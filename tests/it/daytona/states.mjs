// Sandboxes that are held, put away and resized, and the events that tell of it, by the TypeScript
// SDK whose entry is the first argument.

import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'

const { Daytona, DaytonaConflictError } = await import(pathToFileURL(process.argv[2]))

const daytona = new Daytona()
const sandbox = await daytona.create({ autoPauseInterval: 20 })
const seen = await daytona.get(sandbox.id)
assert.deepEqual([seen.autoPauseInterval, seen.autoStopInterval], [20, 0])
await sandbox.pause()
assert.equal(sandbox.state, 'paused')
assert.equal((await sandbox.process.executeCommand('echo awake')).result, 'awake\n')
await sandbox.resize({ cpu: 2, memory: 2 })
assert.deepEqual([sandbox.cpu, sandbox.memory], [2, 2])
await assert.rejects(sandbox.archive(), /archive/)

// Another client stops it; whoever waits learns of it without asking again.
const api = sandbox.sandboxApi
const look = api.getSandbox.bind(api)
let looks = 0
let asked
const first = new Promise((resolve) => (asked = resolve))
api.getSandbox = async (...all) => {
  const answer = await look(...all)
  looks += 1
  asked()
  return answer
}
const waits = sandbox.waitUntilStopped(30)
await first
await (await new Daytona().get(sandbox.id)).stop()
await waits
assert.equal(sandbox.state, 'stopped')
assert.equal(looks, 1)
api.getSandbox = look

await assert.rejects(sandbox.pause(), DaytonaConflictError)
await sandbox.archive()
assert.equal(sandbox.state, 'archived')
await sandbox.start()
assert.equal(sandbox.state, 'started')
await sandbox.pause()
await sandbox.delete()
process.exit(0)
