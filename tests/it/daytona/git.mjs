// Repositories, by the official SDK.

import assert from 'node:assert/strict'

const { Daytona, DaytonaConflictError, DaytonaNotFoundError } = await import(process.argv[2])

const daytona = new Daytona()
const sandbox = await daytona.create()
const { fs, git } = sandbox

await git.init('origin.git', true)
await git.init('one', false, 'main')
await fs.uploadFile(Buffer.from('first\n'), 'one/a.txt')
const status = await git.status('one')
assert.deepEqual(
  [status.currentBranch, status.fileStatus.map((one) => [one.name, one.staging, one.worktree])],
  ['main', [['a.txt', 'Untracked', 'Untracked']]],
)
await git.add('one', ['a.txt'])
const commit = await git.commit('one', 'first', 'Ann', 'ann@example.com')
assert.equal(commit.sha.length, 40)
await git.remoteAdd('one', 'origin', '/workspace/origin.git')
assert.equal(await git.remoteGet('one', 'origin'), '/workspace/origin.git')
await git.push('one', undefined, undefined, undefined, undefined, true)
await git.clone('/workspace/origin.git', 'two')
assert.equal((await fs.downloadFile('two/a.txt')).toString(), 'first\n')
await git.createBranch('two', 'topic')
await assert.rejects(git.createBranch('two', 'topic'), DaytonaConflictError)
await git.checkoutBranch('two', 'topic')
assert.deepEqual((await git.branches('two')).branches.sort(), ['main', 'topic'])
await git.checkoutBranch('two', 'main')
await git.deleteBranch('two', 'topic')
await git.pull('two')
await git.configureUser('Bob', 'bob@example.com')
assert.equal(await git.getConfig('user.name'), 'Bob')
await assert.rejects(git.status('none'), DaytonaNotFoundError)
await sandbox.delete()
