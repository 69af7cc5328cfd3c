import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** What the app is under, and what of others is in it: the repository's licence and the app's notice. */
class Licences {
    static List<File> of(File project) {
        [new File(project, 'NOTICE.md'), new File(project.canonicalFile.parentFile, 'LICENSE')]
    }

    static void copy(Collection<File> texts, File target) {
        target.mkdirs()
        texts.each { File text ->
            if (!text.isFile()) {
                throw new IllegalStateException("${text} is missing: the app may not be passed on without it")
            }
            Files.copy(text.toPath(), new File(target, text.name).toPath(), StandardCopyOption.REPLACE_EXISTING)
        }
    }
}
