"""Says where it runs: `infield run examples/hello.py`."""

import getpass
import os
import platform
import socket


def main() -> None:
    print("Hello from inside a sandbox!")
    print(f"  python    {platform.python_version()}")
    print(f"  host name {socket.gethostname()}")
    print(f"  user      {getpass.getuser()} ({os.getuid()})")
    print(f"  folder    {os.getcwd()}")
    print(f"  processes {sum(name.isdigit() for name in os.listdir('/proc'))}")
    print(f"  network   {', '.join(name for _, name in socket.if_nameindex())}")


if __name__ == "__main__":
    main()
