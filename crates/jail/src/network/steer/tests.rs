use super::*;

#[test]
fn the_kernel_takes_the_program() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    load_program().expect("this kernel can steer");
}

#[test]
fn jumps_lead_to_the_lines_that_are_meant() {
    let program = program(0);
    let at = |line: i16| program[usize::try_from(line).expect("it is a line")];
    assert_eq!(at(IPV6), load(R1, field::LOCAL_IP6[0]));
    assert_eq!(at(MAPPED), unless(MAPPED, R1, IS_MAPPED, STEER));
    assert_eq!(at(STEER), store(STACK, -4, LISTENER));
    assert_eq!(at(PASS), set(R0, SK_PASS));
    assert_eq!(at(DROP), set(R0, SK_DROP));
    for (line, instruction) in (0_i16..).zip(&program) {
        let jumps = matches!(instruction.code, 0x05 | 0x15 | 0x16 | 0x56);
        let target = line + 1 + instruction.offset;
        assert!(!jumps || [IPV6, MAPPED, STEER, PASS, DROP].contains(&target), "line {line}");
    }
}
