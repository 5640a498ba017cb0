// Commands, programs and sessions, by the official SDK.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'package.json'))
const { Daytona, DaytonaNotFoundError, DaytonaTimeoutError } = require(process.argv[2])

const daytona = new Daytona()
const sandbox = await daytona.create({ language: 'javascript', envVars: { COLOUR: 'blue' } })
try {
  const done = await sandbox.process.executeCommand('echo $COLOUR; echo bad >&2; exit 3')
  assert.equal(done.exitCode, 3)
  assert.deepEqual(done.result.trim().split('\n').sort(), ['bad', 'blue'])
  assert.equal((await sandbox.process.codeRun('console.log(6 * 7)')).result, '42\n')
  await assert.rejects(sandbox.process.executeCommand('sleep 60', undefined, undefined, 1), DaytonaTimeoutError)

  await sandbox.process.createSession('work')
  await sandbox.process.executeSessionCommand('work', { command: 'cd /tmp; SHAPE=round' })
  const second = await sandbox.process.executeSessionCommand('work', { command: 'pwd; echo $SHAPE; echo bad >&2' })
  assert.equal(second.stdout, '/tmp\nround\n')
  assert.equal(second.stderr, 'bad\n')
  const begun = await sandbox.process.executeSessionCommand('work', { command: 'read line; (exit 4)', runAsync: true })
  await sandbox.process.sendSessionCommandInput('work', begun.cmdId, 'x\n')
  const after = await sandbox.process.executeSessionCommand('work', { command: 'echo $line' })
  assert.equal(after.stdout, 'x\n')
  assert.equal((await sandbox.process.getSessionCommand('work', begun.cmdId)).exitCode, 4)
  await sandbox.process.deleteSession('work')
  await assert.rejects(sandbox.process.getSession('work'), DaytonaNotFoundError)
} finally {
  await sandbox.delete()
}
