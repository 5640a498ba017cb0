// A program as its user wrote it, by the official SDK: one sandbox from its creation to its end, and
// everything in between. `PYLSP` is a language server as an archive, `FORGE` a git server.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'

const { Daytona, DaytonaError, DaytonaNotFoundError } = await import(process.argv[2])

const far = 'http://127.0.0.1:8000/repo.git'
const ann = ['ann', 'pass-word']
const install = `site="$(python3 -m site --user-site)" && mkdir -p "$site" ~/.local/bin &&
  tar -xf /tmp/pylsp.tar -C "$site" && cd ~/.local/bin &&
  printf '#!/usr/bin/python3\\nfrom pylsp.__main__ import main\\nmain()\\n' > pylsp && chmod +x pylsp`

const daytona = new Daytona()
const volume = await daytona.volume.get('whole-ts', true)
const mounted = (mountPath) => ({ volumes: [{ volumeId: volume.id, mountPath }] })
const sandbox = await daytona.create(mounted('/shared'))
assert.equal(sandbox.state, 'started')
const { fs, git } = sandbox

assert.equal((await sandbox.process.codeRun('print(6 * 7)')).result, '42\n')
assert.equal((await sandbox.process.executeCommand('echo $((6 * 7))')).result, '42\n')

await sandbox.process.createSession('work')
await sandbox.process.executeSessionCommand('work', { command: 'cd /tmp && KEPT=kept' })
const kept = await sandbox.process.executeSessionCommand('work', { command: 'echo $KEPT in $PWD' })
assert.deepEqual([kept.exitCode, kept.output.trim()], [0, 'kept in /tmp'])
const begun = await sandbox.process.executeSessionCommand('work', {
  command: 'echo one; read line; echo $line; exit 4',
  runAsync: true,
  suppressInputEcho: true,
})
let said = ''
const heard = (text) => (said += text)
await sandbox.process.sendSessionCommandInput('work', begun.cmdId, 'two\n')
await sandbox.process.getSessionCommandLogs('work', begun.cmdId, heard, heard)
await new Promise(setImmediate)
assert.equal(said, 'one\ntwo\n')
assert.equal((await sandbox.process.getSessionCommand('work', begun.cmdId)).exitCode, 4)

let shown = ''
const onData = (bytes) => (shown += new TextDecoder().decode(bytes))
const terminal = await sandbox.process.createPty({ id: 'screen', onData })
await terminal.sendInput('echo shown-$((1+1)); exit 3\n')
assert.equal((await terminal.wait()).exitCode, 3)
assert.ok(shown.includes('shown-2'), shown)
await terminal.disconnect()

const context = await sandbox.codeInterpreter.createContext()
await sandbox.codeInterpreter.runCode('x = 41', { context })
assert.equal((await sandbox.codeInterpreter.runCode('print(x + 1)', { context })).stdout, '42\n')
await sandbox.codeInterpreter.deleteContext(context)

const paths = ['one', 'two/deep'].flatMap((folder) =>
  Array.from({ length: 20 }, (_, number) => `project/${folder}/${number}.txt`),
)
await fs.uploadFiles(paths.map((destination) => ({ source: Buffer.from(destination), destination })))
const results = await fs.downloadFiles(paths.map((source) => ({ source })))
assert.deepEqual(results.map((one) => [one.source, one.result.toString()]), paths.map((path) => [path, path]))

await fs.uploadFile(await readFile(process.env.FORGE), '/tmp/forge.py')
await sandbox.process.createSession('forge')
await sandbox.process.executeSessionCommand('forge', { command: 'python3 /tmp/forge.py', runAsync: true })
for (const end = Date.now() + 60_000; ; ) {
  try {
    await git.clone(far, 'repo', undefined, undefined, ...ann)
    break
  } catch (error) {
    if (!(error instanceof DaytonaError) || Date.now() > end) throw error
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
await fs.uploadFile(Buffer.from('mine\n'), 'repo/mine.txt')
await git.add('repo', ['mine.txt'])
const { sha } = await git.commit('repo', 'mine', 'Ann', 'ann@example.com')
await git.push('repo', ...ann, undefined, undefined, true)
await git.clone(far, 'again', undefined, undefined, ...ann)
assert.equal((await fs.downloadFile('again/mine.txt')).toString(), 'mine\n')
assert.equal((await sandbox.process.executeCommand('git -C again rev-parse HEAD')).result.trim(), sha)

await fs.uploadFile(await readFile(process.env.PYLSP), '/tmp/pylsp.tar')
assert.equal((await sandbox.process.executeCommand(install)).exitCode, 0)
await fs.uploadFile(Buffer.from('class Circle:\n    def area(self):\n        return 3\n'), 'project/shapes.py')
const lsp = await sandbox.createLspServer('python', 'project')
await lsp.start()
await lsp.didOpen('shapes.py')
const names = (await lsp.documentSymbols('shapes.py')).map((one) => one.name)
assert.ok(names.includes('Circle') && names.includes('area'), names.join())
await lsp.stop()

const other = await daytona.create(mounted('/data'))
await fs.uploadFile(Buffer.from('shared\n'), '/shared/note')
assert.equal((await other.fs.downloadFile('/data/note')).toString(), 'shared\n')
await other.delete()

await sandbox.stop()
assert.equal(sandbox.state, 'stopped')
await sandbox.archive()
assert.equal((await daytona.get(sandbox.id)).state, 'archived')
await sandbox.start()
assert.equal((await fs.downloadFile('repo/mine.txt')).toString(), 'mine\n')
await sandbox.delete()
await assert.rejects(daytona.get(sandbox.id), DaytonaNotFoundError)
await daytona.volume.delete(volume)
await daytona[Symbol.asyncDispose]()
