import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.security.MessageDigest
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases

/**
 * Parses the project's Gradle files, and runs what the build does to the bundle and the licences: a good one is copied,
 * a damaged one and a missing one are refused. Arguments: the project's folder, a bundle, where the assets go.
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

        assert new File(ShippedBundle.of(project), 'bundle.json').isFile()
        CheckedBundle.copy(bundle, new File(assets, 'bundle'))

        File harmed = copied(bundle, new File(assets.parentFile, 'harmed-bundle'))
        File model = new File(harmed, new JsonSlurper().parse(new File(bundle, 'bundle.json'))['default'] as String)
        byte[] content = model.bytes
        content[content.length.intdiv(2)] ^= 1
        model.bytes = content
        refused("doesn't match its checksum") { CheckedBundle.copy(harmed, new File(harmed, 'assets')) }
        refused('is no bundle') { CheckedBundle.copy(new File(harmed, 'nowhere'), new File(harmed, 'assets')) }

        File target = new File(assets.parentFile, 'licensed-assets')
        ['LICENSE.md', 'NOTICE.md'].each { String name ->
            File licensed = copied(bundle, new File(assets.parentFile, 'licensed-bundle'))
            File terms = new File(licensed, name)
            terms.text = '# Not for commercial use'
            File description = new File(licensed, 'bundle.json')
            Map info = new JsonSlurper().parse(description) as Map
            info.files[name] = [sha256: MessageDigest.getInstance('SHA-256').digest(terms.bytes).encodeHex().toString()]
            description.text = JsonOutput.toJson(info)
            CheckedBundle.copy(licensed, target)
            assert new File(target, name).text == terms.text
            terms.text = '# Public domain'
            refused("${name} in ${licensed} is missing or doesn't match its checksum") { CheckedBundle.copy(licensed, target) }
            terms.delete()
            refused("${name} in ${licensed} is missing or doesn't match its checksum") { CheckedBundle.copy(licensed, target) }
        }

        Licences.copy(Licences.of(project), new File(assets, 'licences'))
        assert new File(assets, 'licences/LICENSE').bytes == new File(project, '../LICENSE').bytes
        checkNotice(project, new File(assets, 'licences/NOTICE.md').text)
        refused('nothing.txt is missing') { Licences.copy([new File(project, 'nothing.txt')], target) }
    }

    /** What the app depends on is named, and Kotlin, which comes with Gradle's plugin. */
    private static void checkNotice(File project, String notice) {
        String build = new File(project, 'app/build.gradle').text
        List<String> parts = build.findAll(/(?m)^ +(?:implementation|api|runtimeOnly) '[^:']+:([^:']+):/) { it[1] }
        assert parts
        (parts + "Kotlin's standard library").each { assert notice.toLowerCase().contains(it.toLowerCase()) }
    }

    private static File copied(File bundle, File to) {
        to.deleteDir()
        to.mkdirs()
        bundle.eachFile { new File(to, it.name).bytes = it.bytes }
        return to
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
