use super::*;

#[test]
fn a_session_word_is_new_each_time_and_fits() {
    let words = [session_word(), session_word()].map(|word| word.expect("there are random bytes"));
    assert_ne!(words[0], words[1]);
    let fits = |word: &String| {
        (16..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    assert!(words.iter().all(fits), "{words:?}");
}
