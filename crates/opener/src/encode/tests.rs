use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;

#[test]
fn forms_are_what_others_write() {
    assert_eq!(&**percent(b"a/b+c d~"), b"a%2Fb%2Bc%20d~");
    assert_eq!(&**json(b"a\"b\\c\nd\x01"), br#"a\"b\\c\nd\u0001"#);
    let forms = all(b"p ss/word");
    for form in [&b"p ss/word"[..], b"p%20ss%2Fword", b"p%20ss%2fword", b"p+ss%2Fword"] {
        assert!(forms.iter().any(|known| &***known == form), "{}", String::from_utf8_lossy(form));
    }
}

proptest! {
    #[test]
    fn base64_is_found_wherever_the_text_stands(
        before in proptest::collection::vec(any::<u8>(), 0..7),
        text in proptest::collection::vec(any::<u8>(), 8..40),
        after in proptest::collection::vec(any::<u8>(), 0..7),
    ) {
        let whole = [&before[..], &text, &after].concat();
        let forms = all(&text);
        for engine in [STANDARD, URL_SAFE] {
            let letters = engine.encode(&whole);
            let found = forms.iter().any(|form| {
                letters.as_bytes().windows(form.len()).any(|part| part == &***form)
            });
            prop_assert!(found, "{letters}");
        }
    }
}
