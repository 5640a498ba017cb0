// Names below `localhost` are loopback's, which not every resolver knows.
const dns = require('dns');
const lookup = dns.lookup;
dns.lookup = (name, options, done) =>
  lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, options, done);
const [url, token] = process.argv.slice(-2);
const headers = { 'X-Infield-Preview-Token': token };
setTimeout(() => process.exit(2), 30000).unref();
(async () => {
  const page = await (await fetch(url, { headers })).text();
  console.log(page.includes('/@vite/client') ? 'page' : page);
  const main = await (await fetch(url + 'main.js', { headers })).text();
  console.log(main.includes('document.title') ? 'module' : main);
  const client = await (await fetch(url + '@vite/client', { headers })).text();
  const word = client.match(/wsToken = "([^"]+)"/)[1];
  const address = url.replace('http:', 'ws:') + `?token=${word}&infield_preview_token=${token}`;
  const socket = new WebSocket(address, 'vite-hmr');
  socket.onerror = ({ message }) => console.log('error', message);
  socket.onmessage = ({ data }) => {
    const { type } = JSON.parse(data);
    console.log(type);
    if (type === 'full-reload' || type === 'update') process.exit(0);
  };
})();
