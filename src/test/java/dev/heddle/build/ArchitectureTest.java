package dev.heddle.build;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.stream.Stream;

/// The rules of the house that the compiler cannot hold.
class ArchitectureTest {
    private static final JavaClasses HEDDLE =
            new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("dev.heddle");

    /// A module, and those of Heddle's others that it may see.
    @ParameterizedTest
    @CsvSource({
        "core,       core",
        "positional, positional core",
        "mlp,        mlp core",
        "testkit,    testkit core",
        "attention,  attention core positional mlp",
        "models,     models core positional mlp attention",
        "lab,        lab core positional mlp attention models testkit",
    })
    void modulesDependOneWay(String module, String visible) {
        String[] packages = Stream.of(visible.split(" ")).map("dev.heddle.%s.."::formatted).toArray(String[]::new);
        classes()
                .that()
                .resideInAPackage("dev.heddle." + module + "..")
                .should()
                .onlyDependOnClassesThat(resideOutsideOfPackage("dev.heddle..").or(resideInAnyPackage(packages)))
                .check(HEDDLE);
    }

    @Test
    void nd4jStaysBehindItsAdapter() {
        noClasses()
                .that()
                .resideInAPackage("dev.heddle..")
                .and()
                .resideOutsideOfPackage("dev.heddle.core.nd4j..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.nd4j..")
                .check(HEDDLE);
    }

    @Test
    void librariesDoNotPrint() {
        noClasses().that().resideOutsideOfPackage("dev.heddle.lab..").should(ACCESS_STANDARD_STREAMS).check(HEDDLE);
    }

    @Test
    void packagesFormNoCycles() {
        slices().matching("dev.heddle.(**)").should().beFreeOfCycles().check(HEDDLE);
    }
}
