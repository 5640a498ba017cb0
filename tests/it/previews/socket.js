// Names below `localhost` are loopback's, which not every resolver knows.
const dns = require('dns');
const lookup = dns.lookup;
dns.lookup = (name, options, done) =>
  lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, options, done);

const socket = new WebSocket(process.argv.at(-1));
setTimeout(() => process.exit(2), 20000).unref();
socket.onopen = () => {
  console.log('open');
  socket.send('hello');
};
socket.onmessage = ({ data }) => {
  if (data.length < 100) {
    console.log(data);
    socket.send('x'.repeat(100000));
  } else {
    console.log('large', data.length);
    socket.close();
  }
};
socket.onerror = ({ message }) => console.log('error', message);
socket.onclose = () => console.log('closed');
