/// What a user needs to test a variant of their own: the tools that Heddle's own suite consists of. They are plain
/// classes for any test framework; each gives a report that says what it found, and `orThrow()` turns a bad one into an
/// `AssertionError` with one named error figure and the seed.
///
/// | tool | question |
/// |---|---|
/// | [dev.heddle.testkit.Equivalence] | do all forms, or two variants, compute the same thing, forward and backward? |
/// | [dev.heddle.testkit.GradientCheck] | is the backward pass that of the forward pass? |
/// | [dev.heddle.testkit.Golden], [dev.heddle.testkit.Conformance] | does it compute what an official implementation computes? |
/// | [dev.heddle.testkit.CostAudit] | does it cost what it promises? |
/// | [dev.heddle.testkit.RandomCases] | on which sizes? |
///
/// A test of one's own variant, here with JUnit:
///
/// ```java
/// class MyMixerTest {
///     private final Variant variant = new MyCatalog().variants().getFirst();
///     private final Subject subject = variant.build(Config.parse("{\"d_model\": 24, \"n_heads\": 3}"), Seed.of(1));
///
///     @Test
///     void tokenByTokenEqualsWholeSequence() {
///         Equivalence.ofForms(subject, Form.RECURRENT, Form.chunkwise(1), Form.chunkwise(5))
///                 .sample(2, 13, Seed.of(2)).check().orThrow();
///     }
///
///     @Test
///     void gradientsAreThoseOfTheFunction() {
///         GradientCheck.of(subject, Form.PARALLEL).sample(2, 7, Seed.of(3)).orThrow();
///     }
///
///     @Test
///     void costsWhatItPromises() {
///         CostAudit.of(subject).check(Seed.of(4), 1, 7, 64).orThrow();
///     }
///
///     @Test
///     void agreesWithTheOfficialImplementation() {
///         var catalog = Catalog.of(List.of(new MyCatalog()));
///         Golden.check(Path.of("golden/my-mixer/causal.safetensors"), catalog, Precision.BOTH).orThrow();
///     }
/// }
/// ```
///
/// Run such tests with `-Dheddle.poison=true`: memory that nobody has written then reads as NaN, and no comparison passes
/// a NaN.
@NullMarked
package dev.heddle.testkit;

import org.jspecify.annotations.NullMarked;
