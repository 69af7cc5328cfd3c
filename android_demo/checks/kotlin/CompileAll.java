import java.nio.file.Files;
import java.nio.file.Path;
import org.jetbrains.kotlin.cli.common.ExitCode;
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler;

/** Runs the Kotlin compiler once a file of arguments, in one process: half of its time is its start. */
public final class CompileAll {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            String[] arguments = Files.readAllLines(Path.of(file)).toArray(new String[0]);
            if (new K2JVMCompiler().exec(System.err, arguments) != ExitCode.OK) System.exit(1);
        }
    }
}
