package org.tensorflow.lite;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.ByteBuffer;

/**
 * LiteRT's Java class in the little that the app uses of it, over the C API of the `libLiteRt.so` that ai-edge-litert
 * 2.3.0 brings (system property `litert.library`). For tests on the JVM; the app gets the real class from Google's AAR.
 */
public final class Interpreter implements AutoCloseable {
    private static final int CPU = 1;
    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int TYPE_BYTES = 128; // LiteRtRankedTensorType is 72: element type, rank, 8 sizes, 8 strides

    public static final class SizeT extends com.sun.jna.IntegerType {
        public SizeT() { this(0); }

        public SizeT(long value) { super(Native.SIZE_T_SIZE, value, true); }
    }

    public interface LiteRt extends Library {
        int LiteRtCreateEnvironment(int options, Pointer none, PointerByReference environment);

        int LiteRtCreateModelFromBuffer(Pointer environment, Pointer content, SizeT size, PointerByReference model);

        int LiteRtCreateOptions(PointerByReference options);

        int LiteRtSetOptionsHardwareAccelerators(Pointer options, int accelerators);

        int LiteRtCreateCompiledModel(Pointer environment, Pointer model, Pointer options, PointerByReference compiled);

        int LiteRtGetModelSignature(Pointer model, SizeT index, PointerByReference signature);

        int LiteRtGetSignatureInputTensorByIndex(Pointer signature, SizeT index, PointerByReference tensor);

        int LiteRtGetSignatureOutputTensorByIndex(Pointer signature, SizeT index, PointerByReference tensor);

        int LiteRtGetRankedTensorType(Pointer tensor, Pointer type);

        int LiteRtGetCompiledModelInputBufferRequirements(Pointer model, SizeT signature, SizeT index, PointerByReference needs);

        int LiteRtGetCompiledModelOutputBufferRequirements(Pointer model, SizeT signature, SizeT index, PointerByReference needs);

        int LiteRtCreateManagedTensorBufferFromRequirements(Pointer environment, Pointer type, Pointer needs, PointerByReference buffer);

        int LiteRtLockTensorBuffer(Pointer buffer, PointerByReference address, int mode);

        int LiteRtUnlockTensorBuffer(Pointer buffer);

        int LiteRtRunCompiledModel(Pointer model, SizeT signature, SizeT inputs, Pointer[] input, SizeT outputs, Pointer[] output);

        void LiteRtDestroyTensorBuffer(Pointer buffer);

        void LiteRtDestroyCompiledModel(Pointer compiled);

        void LiteRtDestroyOptions(Pointer options);

        void LiteRtDestroyModel(Pointer model);

        void LiteRtDestroyEnvironment(Pointer environment);
    }

    public static class Options {
        public Options setNumThreads(int numThreads) { return this; }
    }

    private static final SizeT FIRST = new SizeT(0);
    private static final SizeT ONE = new SizeT(1);
    private final LiteRt library = Native.load(System.getProperty("litert.library"), LiteRt.class);
    private final Memory content; // the model reads it in place
    private final Pointer environment;
    private final Pointer model;
    private final Pointer options;
    private final Pointer compiled;
    private final Pointer input;
    private final Pointer output;
    private final int[] inputShape;
    private final int[] outputShape;

    public Interpreter(ByteBuffer byteBuffer, Options ignored) {
        content = new Memory(byteBuffer.capacity());
        content.getByteBuffer(0, byteBuffer.capacity()).put((ByteBuffer) byteBuffer.duplicate().rewind());
        environment = made(r -> library.LiteRtCreateEnvironment(0, null, r));
        model = made(r -> library.LiteRtCreateModelFromBuffer(environment, content, new SizeT(content.size()), r));
        options = made(library::LiteRtCreateOptions);
        check(library.LiteRtSetOptionsHardwareAccelerators(options, CPU));
        compiled = made(r -> library.LiteRtCreateCompiledModel(environment, model, options, r));
        Pointer signature = made(r -> library.LiteRtGetModelSignature(model, FIRST, r));
        Memory type = type(made(r -> library.LiteRtGetSignatureInputTensorByIndex(signature, FIRST, r)));
        Pointer needs = made(r -> library.LiteRtGetCompiledModelInputBufferRequirements(compiled, FIRST, FIRST, r));
        input = made(r -> library.LiteRtCreateManagedTensorBufferFromRequirements(environment, type, needs, r));
        inputShape = shape(type);
        Memory given = type(made(r -> library.LiteRtGetSignatureOutputTensorByIndex(signature, FIRST, r)));
        Pointer gives = made(r -> library.LiteRtGetCompiledModelOutputBufferRequirements(compiled, FIRST, FIRST, r));
        output = made(r -> library.LiteRtCreateManagedTensorBufferFromRequirements(environment, given, gives, r));
        outputShape = shape(given);
    }

    public Tensor getInputTensor(int inputIndex) { return () -> inputShape; }

    public Tensor getOutputTensor(int outputIndex) { return () -> outputShape; }

    public void run(Object input, Object output) {
        ByteBuffer from = (ByteBuffer) input;
        ByteBuffer to = (ByteBuffer) output;
        locked(this.input, WRITE, a -> a.getByteBuffer(0, from.remaining()).put(from.duplicate()));
        check(library.LiteRtRunCompiledModel(compiled, FIRST, ONE, new Pointer[] {this.input}, ONE, new Pointer[] {this.output}));
        locked(this.output, READ, a -> to.put(a.getByteBuffer(0, to.remaining())));
    }

    @Override public void close() {
        library.LiteRtDestroyTensorBuffer(input);
        library.LiteRtDestroyTensorBuffer(output);
        library.LiteRtDestroyCompiledModel(compiled);
        library.LiteRtDestroyOptions(options);
        library.LiteRtDestroyModel(model);
        library.LiteRtDestroyEnvironment(environment);
    }

    private Memory type(Pointer tensor) {
        Memory type = new Memory(TYPE_BYTES);
        type.clear();
        check(library.LiteRtGetRankedTensorType(tensor, type));
        return type;
    }

    private static int[] shape(Memory type) { return type.getIntArray(8, type.getByte(4) & 0x7f); }

    private void locked(Pointer buffer, int mode, java.util.function.Consumer<Pointer> use) {
        use.accept(made(r -> library.LiteRtLockTensorBuffer(buffer, r, mode)));
        check(library.LiteRtUnlockTensorBuffer(buffer));
    }

    private static Pointer made(java.util.function.ToIntFunction<PointerByReference> call) {
        PointerByReference made = new PointerByReference();
        check(call.applyAsInt(made));
        return made.getValue();
    }

    private static void check(int status) {
        if (status != 0) throw new IllegalArgumentException("LiteRT refuses it: status " + status);
    }
}
