// Language servers, by the official SDK.

import assert from 'node:assert/strict'

const { Daytona, DaytonaError, DaytonaLspServerNotInitializedError } = await import(process.argv[2])

const daytona = new Daytona()
const sandbox = await daytona.get('code')
const own = `ts-${process.pid}`
const source = `export class Circle {
  area(): number { return 3 }
}
const circle = new Circle()
circle.ar
`
await sandbox.fs.uploadFile(Buffer.from(source), `${own}/src/shapes.ts`)
await sandbox.fs.uploadFile(Buffer.from('export function square() {}\n'), `${own}/src/more.ts`)
const lsp = await sandbox.createLspServer('typescript', own)
await assert.rejects(lsp.documentSymbols('src/shapes.ts'), DaytonaLspServerNotInitializedError ?? DaytonaError)
await lsp.start()

// Nothing is open yet, so the server itself cannot tell.
assert.deepEqual((await lsp.sandboxSymbols('squ')).map((one) => one.name), ['square'])
await lsp.didOpen('src/shapes.ts')
const symbols = await lsp.documentSymbols(`${own}/src/shapes.ts`)
const circle = symbols.find((one) => one.name === 'Circle')
assert.equal(circle.kind, 5)
assert.equal(circle.location.uri, `file:///workspace/${own}/src/shapes.ts`)
assert.deepEqual(circle.location.range.start, { line: 0, character: 0 })
assert.ok(symbols.some((one) => one.name === 'area'))
const known = await lsp.completions('src/shapes.ts', { line: 4, character: 9 })
assert.ok(known.items.some((one) => one.label === 'area'), JSON.stringify(known))
assert.ok((await lsp.sandboxSymbols('Circle')).some((one) => one.name === 'Circle'))
await lsp.didClose('src/shapes.ts')
await lsp.stop()
await assert.rejects(lsp.sandboxSymbols('Circle'), DaytonaError)
await daytona[Symbol.asyncDispose]()
