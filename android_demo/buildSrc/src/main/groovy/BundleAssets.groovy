import org.gradle.api.DefaultTask
import org.gradle.api.file.ConfigurableFileCollection
import org.gradle.api.file.DirectoryProperty
import org.gradle.api.tasks.InputDirectory
import org.gradle.api.tasks.InputFiles
import org.gradle.api.tasks.OutputDirectory
import org.gradle.api.tasks.PathSensitive
import org.gradle.api.tasks.PathSensitivity
import org.gradle.api.tasks.TaskAction

/** Puts the bundle, checked, and the licences into the app's assets. */
abstract class BundleAssets extends DefaultTask {
    @InputDirectory
    @PathSensitive(PathSensitivity.RELATIVE)
    abstract DirectoryProperty getBundle()

    @InputFiles
    @PathSensitive(PathSensitivity.NAME_ONLY)
    abstract ConfigurableFileCollection getLicences()

    @OutputDirectory
    abstract DirectoryProperty getAssets()

    @TaskAction
    void copy() {
        CheckedBundle.copy(bundle.get().asFile, new File(assets.get().asFile, 'bundle'))
        Licences.copy(licences.files, new File(assets.get().asFile, 'licences'))
    }
}
