def _start(plots_source):
    import os, sys
    path, plots = os.environ.pop('INFIELD_CODE', ''), os.environ.pop('INFIELD_PLOTS', '')
    if path:
        with open(path, 'rb') as file: data = file.read()
    else: data = sys.stdin.buffer.read()
    class Loader:
        def get_source(self, name): return data.decode('utf-8', 'replace')
    class Finder:
        def find_spec(self, name, folders, target=None):
            if name != 'matplotlib.pyplot': return None
            sys.meta_path.remove(self)
            scope = {'folder': plots}
            exec(plots_source, scope)
            return scope['spec'](name)
    def report(kind, error, trace):
        import traceback
        traceback.print_exception(kind, error, trace and trace.tb_next)
    main = sys.modules['__main__'].__dict__
    main.pop('_start')
    main['__loader__'], main['__file__'] = Loader(), os.getcwd() + '/execute_code.py'
    sys.argv[0], sys.excepthook = 'execute_code.py', report
    sys.meta_path.insert(0, Finder())
    return data, 'execute_code.py'
