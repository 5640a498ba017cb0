// What comes as it is written, by the official SDK: logs that are followed, terminals, interpreters.

import assert from 'node:assert/strict'

const { Daytona, DaytonaTimeoutError } = await import(process.argv[2])

const daytona = new Daytona()
const sandbox = await daytona.create()
try {
  await sandbox.process.createSession('logs')
  const command = "echo one; echo bad >&2; read line; echo $line; printf 'caf\\303'; printf '\\251\\n'"
  const begun = await sandbox.process.executeSessionCommand('logs', {
    command,
    runAsync: true,
    suppressInputEcho: true,
  })
  let [out, bad] = ['', '']
  const heard = async (text) => {
    out += text
    if (text.includes('one')) await sandbox.process.sendSessionCommandInput('logs', begun.cmdId, 'two\n')
  }
  await sandbox.process.getSessionCommandLogs('logs', begun.cmdId, heard, (text) => (bad += text))
  await new Promise(setImmediate)
  assert.equal(out, 'one\ntwo\ncafé\n')
  assert.equal(bad, 'bad\n')
  await assert.rejects(sandbox.process.getSessionCommandLogs('logs', 'cmd-none', heard, heard))
  await sandbox.process.getEntrypointLogs(heard, heard)

  let shown = ''
  const onData = (bytes) => (shown += new TextDecoder().decode(bytes))
  const terminal = await sandbox.process.createPty({ id: 'main', cols: 100, rows: 30, envs: { SHAPE: 'round' }, onData })
  assert.equal((await terminal.resize(120, 40)).rows, 40)
  await terminal.sendInput(`sh -c 'stty size; echo $SHAPE-$((1+1)); exec sleep 600'\n`)
  await until(() => shown.includes('round-2'))
  assert.ok(shown.includes('40 120'), shown)
  await terminal.disconnect()
  shown = ''
  const again = await sandbox.process.connectPty('main', { onData })
  await again.sendInput('\x03')
  await again.sendInput('exit 3\n')
  assert.equal((await again.wait()).exitCode, 3)
  assert.ok(shown.includes('round-2'), shown)
  assert.deepEqual(await sandbox.process.listPtySessions(), [])
  const killed = await sandbox.process.createPty({ id: 'main', onData })
  await killed.kill()
  assert.equal((await killed.wait()).exitCode, 137)

  const run = (code, options) => sandbox.codeInterpreter.runCode(code, options)
  await run('x = 41')
  const done = await run('import sys; print(x + 1); print("bad", file=sys.stderr)')
  assert.deepEqual([done.stdout, done.stderr, done.error], ['42\n', 'bad\n', undefined])
  const failed = await run('1 / 0')
  assert.equal(failed.error.name, 'ZeroDivisionError')
  await assert.rejects(run('import time; time.sleep(600)', { timeout: 1 }), DaytonaTimeoutError)
  const context = await sandbox.codeInterpreter.createContext('/tmp')
  assert.equal((await run('import os; print(os.getcwd())', { context })).stdout, '/tmp\n')
  assert.equal((await sandbox.codeInterpreter.listContexts()).length, 1)
  await sandbox.codeInterpreter.deleteContext(context)
  await assert.rejects(run('1', { context }))
} finally {
  await sandbox.delete()
}

async function until(holds) {
  for (const end = Date.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    assert.ok(Date.now() < end, 'it did not come true')
  }
}
