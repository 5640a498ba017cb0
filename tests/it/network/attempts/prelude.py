import ctypes, errno, glob, os, socket, ssl, struct, sys, threading, time
MARK = b'got-through'
SECONDS = 4
def verdict(broke, note=''):
    print('BROKE' if broke else 'HELD', note, flush=True)
    os._exit(0)
def uncaught(kind, error, trace):
    if issubclass(kind, (OSError, EOFError)):
        verdict(False, error)
    sys.__excepthook__(kind, error, trace)
sys.excepthook = uncaught
def connect(host, port):
    return socket.create_connection((host, port), SECONDS)
def through(proxy, host, port):
    """By CONNECT of a proxy on the loopback."""
    stream = socket.create_connection(('127.0.0.1', proxy), SECONDS)
    stream.sendall(f'CONNECT {f"[{host}]" if ":" in host else host}:{port} HTTP/1.1\r\n\r\n'.encode())
    head = b''
    while b'\r\n\r\n' not in head:
        piece = stream.recv(1)
        if not piece:
            raise ConnectionResetError(head)
        head += piece
    if not head.startswith(b'HTTP/1.1 200 '):
        raise ConnectionRefusedError(head)
    return stream
def read(stream, until=MARK):
    """What comes, until a word is in it, the end, or nothing for a while."""
    data = b''
    try:
        while until not in data and len(data) < 1 << 20:
            piece = stream.recv(65536)
            if not piece:
                break
            data += piece
    except OSError:
        pass
    return data
def get(host, path='/'):
    return f'GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode()
def where(host, port=80, data=None):
    """By which address a server of the world answered; empty when none did."""
    try:
        with connect(host, port) as stream:
            stream.sendall(get(host) if data is None else data)
            answer = read(stream, MARK + b' ')
            answer += b'' if b'\n' in answer.partition(MARK)[2] else read(stream, b'\n')
    except OSError:
        return ''
    return answer.partition(MARK)[2].decode('latin-1').split('\n')[0].strip() or \
        ('?' if MARK in answer else '')
def reached(*targets, port=80, data=None):
    verdict(any([where(target, port, data) for target in targets]))
def push(host, data):
    """Sends it all, whatever is answered meanwhile."""
    with connect(host, 80) as stream:
        stream.sendall(data)
        read(stream)
        stream.shutdown(socket.SHUT_WR)
        read(stream, b'\0never')
def talk(host, port, *pieces):
    """Sends pieces, waits for an answer to each, and says whether the last one was answered."""
    with connect(host, port) as stream:
        for piece in pieces:
            stream.sendall(piece)
            answer = read(stream)
        return MARK in answer
def extension(kind, body):
    return struct.pack('!HH', kind, len(body)) + body
def named(*names):
    """The extension server_name: RFC 6066, 3."""
    names = [name if isinstance(name, bytes) else name.encode() for name in names]
    names = b''.join(b'\0' + struct.pack('!H', len(name)) + name for name in names)
    return extension(0, struct.pack('!H', len(names)) + names)
def hello(*extensions):
    """A ClientHello of TLS 1.3 as a handshake message: RFC 8446, 4.1.2."""
    shared = extension(43, b'\x02\x03\x04') + extension(10, b'\0\x02\0\x1d')
    shared += extension(13, b'\0\x02\x04\x03') + extension(51, b'\0\x24\0\x1d\0\x20' + b'k' * 32)
    every = b''.join(extensions) + shared
    body = b'\x03\x03' + b'r' * 32 + b'\x20' + b's' * 32 + b'\0\x02\x13\x01\x01\0'
    body += struct.pack('!H', len(every)) + every
    return b'\x01' + len(body).to_bytes(3, 'big') + body
def record(message, size=16384):
    pieces = [message[start:start + size] for start in range(0, len(message), size)]
    return b''.join(b'\x16\x03\x01' + struct.pack('!H', len(piece)) + piece for piece in pieces)
def question(labels, kind, number=7, more=b''):
    """A DNS query: RFC 1035, 4. Labels are a dotted text or a list of bytes."""
    if isinstance(labels, str):
        labels = [label.encode() for label in labels.split('.')]
    name = b''.join(bytes([len(label)]) + label for label in labels) + b'\0'
    count = 2 if more else 1
    return struct.pack('!6H', number, 0x100, count, 0, 0, 0) + name + struct.pack('!HH', kind, 1) \
        + more
def resolver():
    lines = [line.split() for line in open('/etc/resolv.conf')]
    return next(line[1] for line in lines if line and line[0] == 'nameserver')
def ask(labels, kind, server=None, more=b''):
    """The answer over UDP; empty when none comes."""
    server = server or resolver()
    family = socket.AF_INET6 if ':' in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(SECONDS)
        try:
            sender.connect((server, 53))
            sender.send(question(labels, kind, more=more))
            return sender.recv(65536)
        except OSError:
            return b''
def answers(reply):
    return struct.unpack('!H', reply[6:8])[0] if len(reply) > 12 else 0
def ask_by_stream(stream, labels, kind):
    query = question(labels, kind)
    stream.sendall(struct.pack('!H', len(query)) + query)
    return read(stream)
def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
def udp(address, port, prepare=lambda sender: None):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(SECONDS)
        prepare(sender)
        sender.sendto(b'hello', (address, port))
        return MARK in sender.recv(1000)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *words):
    words = [word if isinstance(word, ctypes.Array) else ctypes.c_long(word) for word in words]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    return -ctypes.get_errno() if result == -1 else result
def ready():
    """Tells that the part before the change is done, and waits for the change."""
    print('READY', flush=True)
    limit = time.monotonic() + 60
    while not os.path.exists(os.environ.get('CHANGED', '/tmp/changed')):
        if time.monotonic() > limit:
            verdict(False, 'nothing changed')
        time.sleep(0.02)
