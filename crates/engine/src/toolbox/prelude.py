def _start(file, report):
    import os, sys
    with open(file, 'rb', closefd=file != 0) as stream: data = stream.read()
    def later(*what):
        scope = {'what': what, 'data': data}
        exec(report, scope)
        return scope['answer']
    main, name, taken, trace = globals(), 'execute_code.py', [], sys.gettrace()
    del main['_start']
    main['__loader__'], main['__file__'], sys.argv[0] = later, os.getcwd() + '/' + name, name
    later.get_source = sys.excepthook = later
    try:
        import _imp, _warnings
        _warnings.filters.insert(0, ('error', None, Warning, None, 0))
        sys.settrace(lambda frame, *_: taken.append(frame.f_code) + 1)
        exec(data, {'__builtins__': {}})
    except Exception: pass
    sys.settrace(trace)
    try:
        del _warnings.filters[0]
        if taken[0].co_filename == '<string>': return _imp._fix_co_filename(taken[0], name) or taken[0]
    except Exception: pass
    return compile(data, name, 'exec')
