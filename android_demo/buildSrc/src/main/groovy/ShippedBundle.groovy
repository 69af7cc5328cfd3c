import java.util.regex.Matcher

/** The bundle that ships with the package: its name stands in ser_keras/runtime/bundle.py and nowhere else. */
class ShippedBundle {
    static File of(File project) {
        File sources = new File(project.canonicalFile.parentFile, 'ser_keras')
        Matcher name = new File(sources, 'runtime/bundle.py').text =~ /(?m)^DEFAULT_MODEL = "(\w+)"$/
        if (!name.find()) throw new IllegalStateException("${sources}/runtime/bundle.py names no DEFAULT_MODEL")
        return new File(sources, "pretrained/${name.group(1)}")
    }
}
