if len(what) == 1: answer = data.decode('utf-8', 'replace')
else:
    import traceback
    kind, error, trace = what
    while trace and trace.tb_frame.f_code.co_filename == '<string>': trace = trace.tb_next
    answer = traceback.print_exception(kind, error, trace)
