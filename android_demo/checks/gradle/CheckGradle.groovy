import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases

/**
 * Parses the project's Gradle files, and runs what the build does to the bundle: a good one is copied, a damaged one
 * and a missing one are refused. Arguments: the project's folder, a bundle, where the assets go.
 */
class CheckGradle {
    static void main(String[] args) {
        File project = new File(args[0])
        File bundle = new File(args[1])
        File assets = new File(args[2])
        // the syntax; Gradle's own classes aren't there
        ['settings.gradle', 'build.gradle', 'app/build.gradle', 'buildSrc/src/main/groovy/BundleAssets.groovy'].each {
            CompilationUnit unit = new CompilationUnit()
            unit.addSource(new File(project, it))
            unit.compile(Phases.CONVERSION)
        }

        CheckedBundle.copy(bundle, new File(assets, 'bundle'))

        File harmed = new File(assets.parentFile, 'harmed-bundle')
        harmed.deleteDir()
        harmed.mkdirs()
        bundle.eachFile { new File(harmed, it.name).bytes = it.bytes }
        File model = new File(harmed, new JsonSlurper().parse(new File(bundle, 'bundle.json'))['default'] as String)
        byte[] content = model.bytes
        content[content.length.intdiv(2)] ^= 1
        model.bytes = content
        refused("doesn't match its checksum") { CheckedBundle.copy(harmed, new File(harmed, 'assets')) }
        refused('is no bundle') { CheckedBundle.copy(new File(harmed, 'nowhere'), new File(harmed, 'assets')) }
    }

    private static void refused(String why, Closure attempt) {
        try {
            attempt()
        } catch (IllegalStateException e) {
            if (e.message.contains(why)) return
            throw e
        }
        throw new AssertionError("should have been refused: ${why}")
    }
}
