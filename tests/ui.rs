//! Code that `#[redlocked]` accepts, and the errors for code that it rejects.

#[test]
fn the_attribute_accepts_valid_code_and_explains_mistakes() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
