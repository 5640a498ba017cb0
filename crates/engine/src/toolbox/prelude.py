def _start(file, report):
    import _imp, _warnings, os, sys
    with open(file, 'rb', closefd=file != 0) as stream: data = stream.read()
    def later(*what):
        scope = {'what': what, 'data': data}
        exec(report, scope)
        return scope['answer']
    main, name, taken, trace = globals(), 'execute_code.py', [], sys.gettrace()
    del main['_start']
    main['__loader__'], main['__file__'], sys.argv[0] = later, os.getcwd() + '/' + name, name
    later.get_source = sys.excepthook = later
    _warnings.filters.insert(0, ('error', None, Warning, None, 0))
    sys.settrace(lambda frame, *_: taken.append(frame.f_code) + 1)
    try: exec(data, {'__builtins__': {}})
    except Exception: pass
    sys.settrace(trace)
    del _warnings.filters[0]
    if not taken or taken[0].co_filename != '<string>': return compile(data, name, 'exec')
    _imp._fix_co_filename(taken[0], name)
    return taken[0]
