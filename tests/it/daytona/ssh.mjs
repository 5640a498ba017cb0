// Access by SSH, by the official SDK: made, used by OpenSSH, looked at, and revoked.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

const { Daytona } = await import(process.argv[2])

const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']
const daytona = new Daytona()
const sandbox = await daytona.create()
const made = await sandbox.createSshAccess(30)
assert.equal(made.sandboxId, sandbox.id)
const typed = () => {
  const [program, ...words] = made.sshCommand.split(' ')
  const whole = ['-F', 'none', ...options.flatMap((option) => ['-o', option]), ...words, 'echo there']
  return spawnSync(program, whole, { encoding: 'utf8', timeout: 60_000 })
}
assert.equal(typed().stdout, 'there\n')
assert.equal((await sandbox.validateSshAccess(made.token)).valid, true)
await sandbox.revokeSshAccess(made.token)
assert.equal((await sandbox.validateSshAccess(made.token)).valid, false)
assert.equal(typed().status, 255)
await sandbox.delete()
await daytona[Symbol.asyncDispose]()
