import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.security.MessageDigest

/** What the app needs of an exported bundle, copied only where it matches the checksums in bundle.json. */
class CheckedBundle {
    // the default model and the terms that bundle.json lists are added; other variants and the Keras model would only
    // make the app larger
    static final List<String> NEEDED = ['model_card.md', 'reference.wav', 'reference.json'].asImmutable()
    static final List<String> TERMS = ['LICENSE.md', 'NOTICE.md'].asImmutable()

    static void copy(File bundle, File target) {
        File description = new File(bundle, 'bundle.json')
        if (!description.isFile()) {
            throw new IllegalStateException("${bundle} is no bundle: make one with `ser-keras export`, name it with -Pbundle=PATH")
        }
        Map info = new JsonSlurper().parse(description) as Map
        target.deleteDir()
        target.mkdirs()
        List<String> terms = TERMS.findAll { String name -> (info['files'] as Map).containsKey(name) }
        ([info['default'] as String] + NEEDED + terms).each { String name -> copyChecked(bundle, target, name, info) }
        Files.copy(description.toPath(), new File(target, 'bundle.json').toPath(), StandardCopyOption.REPLACE_EXISTING)
    }

    private static void copyChecked(File bundle, File target, String name, Map info) {
        File file = new File(bundle, name)
        byte[] content = file.isFile() ? file.bytes : new byte[0]
        String found = MessageDigest.getInstance('SHA-256').digest(content).encodeHex().toString()
        if (found != (info['files'] as Map)[name]?.sha256) {
            throw new IllegalStateException("${name} in ${bundle} is missing or doesn't match its checksum in bundle.json: export the bundle again")
        }
        new File(target, name).bytes = content
    }
}
