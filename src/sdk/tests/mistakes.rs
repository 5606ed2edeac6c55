//! What the compiler says of mistakes that authors make: each file in `mistakes/` does not compile,
//! and beside it stands why not.
//!
//! `TRYBUILD=overwrite cargo test -p zerepy-plugin --test mistakes` renews what the compiler says.

#[test]
fn each_mistake_is_named_where_it_was_made() {
    trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
}
