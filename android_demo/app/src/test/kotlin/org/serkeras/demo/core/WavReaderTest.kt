package org.serkeras.demo.core

import java.io.ByteArrayOutputStream
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** A WAV file in memory. */
fun wav(
    data: ByteArray,
    rate: Int = 16000,
    channels: Int = 1,
    bits: Int = 16,
    format: Int = 1,
    before: ByteArray = ByteArray(0),
    dataLength: Int = data.size,
): ByteArray {
    fun text(value: String) = value.toByteArray(Charsets.ISO_8859_1)
    fun little(value: Int) = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array()
    fun short(value: Int) = little(value).copyOf(2)
    val out = ByteArrayOutputStream()
    val bytesPerFrame = channels * bits / 8
    val head = short(format) + short(channels) + little(rate) + little(rate * bytesPerFrame) + short(bytesPerFrame) + short(bits)
    val extension = if (format == 0xfffe) short(22) + short(bits) + little(0) + short(3) + ByteArray(14) else ByteArray(0)
    out.write(text("RIFF") + little(36 + before.size + data.size) + text("WAVE") + before)
    out.write(text("fmt ") + little(head.size + extension.size) + head + extension)
    out.write(text("data") + little(dataLength) + data)
    return out.toByteArray()
}

fun shorts(vararg values: Int): ByteArray {
    val buffer = ByteBuffer.allocate(2 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    values.forEach { buffer.putShort(it.toShort()) }
    return buffer.array()
}

class WavReaderTest {
    private fun samples(content: ByteArray): FloatArray {
        val into = FloatArray(1000)
        return into.copyOf(WavReader(content.inputStream()).readFully(into))
    }

    private fun assertRefused(content: ByteArray, why: String) {
        val error = assertThrows(AudioFileException::class.java) { samples(content) }
        assertTrue(error.message, error.message!!.contains(why))
        assertFalse(error.message!!.contains('\n'))
    }

    private fun little(size: Int, fill: (ByteBuffer) -> Unit) =
        ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).also(fill).array()

    @Test
    fun readsEveryDepth() {
        val expected = floatArrayOf(0f, 0.5f, -1f)
        assertArrayEquals(expected, samples(wav(shorts(0, 16384, -32768))), 0f)
        assertArrayEquals(expected, samples(wav(byteArrayOf(0x80.toByte(), 0xc0.toByte(), 0), bits = 8)), 0f)
        assertArrayEquals(expected, samples(wav(byteArrayOf(0, 0, 0, 0, 0, 0x40, 0, 0, 0x80.toByte()), bits = 24)), 0f)
        assertArrayEquals(expected, samples(wav(little(12) { it.putInt(0).putInt(1 shl 30).putInt(Int.MIN_VALUE) }, bits = 32)), 0f)
        val floats = little(12) { it.putFloat(0f).putFloat(0.5f).putFloat(-1f) }
        assertArrayEquals(expected, samples(wav(floats, bits = 32, format = 3)), 0f)
        assertArrayEquals(expected, samples(wav(floats, bits = 32, format = 0xfffe)), 0f)
        val doubles = little(24) { it.putDouble(0.0).putDouble(0.5).putDouble(-1.0) }
        assertArrayEquals(expected, samples(wav(doubles, bits = 64, format = 3)), 0f)
    }

    @Test
    fun averagesChannelsAndSaysTheRate() {
        val content = wav(shorts(16384, 0, -16384, 16384), rate = 44100, channels = 2)
        assertArrayEquals(floatArrayOf(0.25f, 0f), samples(content), 0f)
        assertEquals(44100, WavReader(content.inputStream()).sampleRate)
    }

    @Test
    fun stepsOverOtherChunksAndStopsBeforeThem() {
        val list = "LIST".toByteArray() + little(4) { it.putInt(3) } + byteArrayOf(1, 2, 3, 0) // padded to an even length
        val content = wav(shorts(1, 2), before = list) + list
        assertArrayEquals(floatArrayOf(1f / 32768, 2f / 32768), samples(content), 0f)
    }

    @Test
    fun aLengthThatTheRecorderNeverWroteMeansToTheEnd() {
        for (length in listOf(0, -1, 0x7ffff000, 0x7fffffff, Int.MIN_VALUE)) {
            assertEquals(3, samples(wav(shorts(1, 2, 3), dataLength = length)).size)
        }
    }

    @Test
    fun anEmptyChunkOfSamplesBeforeAnotherChunkIsEmpty() {
        fun chunk(name: String, length: Int, content: ByteArray) = name.toByteArray() + little(4) { it.putInt(length) } + content
        val list = chunk("LIST", 26, ByteArray(26) { 1 })
        for (behind in listOf(list, list + list, chunk("LIST", 0, ByteArray(0)), chunk("id3 ", 40000, ByteArray(40000)))) {
            assertEquals(0, samples(wav(behind, dataLength = 0)).size)
        }
        assertEquals("cut off, so no chunk", 16, samples(wav(chunk("LIST", 26, ByteArray(24)), dataLength = 0)).size)
        assertEquals("no name", 6, samples(wav(chunk("L\u0000ST", 2, ByteArray(4)), dataLength = 0)).size)
        val far = chunk("JUNK", 1 shl 20, ByteArray(1 shl 20)) // as Python: so late nothing is mended
        assertEquals(0, samples(wav(shorts(1, 2, 3), before = far, dataLength = 0)).size)
    }

    @Test
    fun clipsFloatsThatAreALittleTooLoud() {
        val content = wav(little(8) { it.putFloat(1.5f).putFloat(-2f) }, bits = 32, format = 3)
        assertArrayEquals(floatArrayOf(1f, -1f), samples(content), 0f)
    }

    @Test
    fun refusesInOneLineWhatItCantRead() {
        val good = wav(shorts(1, 2, 3))
        assertRefused(ByteArray(0), "ends within its header")
        assertRefused("an mp3 that was renamed to wav".toByteArray(), "no WAV file")
        assertRefused(good.copyOf(20), "ends within its header")
        assertRefused(good.copyOf(good.size - 2), "truncated")
        assertRefused(wav(ByteArray(10), format = 2), "use PCM")
        assertRefused(wav(ByteArray(10), bits = 12), "use PCM")
        assertRefused(wav(ByteArray(10), channels = 0), "0 channels")
        assertRefused(wav(ByteArray(10), rate = 1), "at 1 Hz")
        assertRefused(wav(little(4) { it.putFloat(Float.NaN) }, bits = 32, format = 3), "no audio in [-1, 1]")
        assertRefused(wav(little(4) { it.putFloat(20000f) }, bits = 32, format = 3), "no audio in [-1, 1]")
    }

    @Test
    fun hostileBytesEndInTheSameErrorNeverInAnother() {
        val random = kotlin.random.Random(0)
        val good = wav(shorts(*IntArray(50) { it * 100 }))
        repeat(2000) {
            val harmed = good.copyOf(random.nextInt(1, good.size + 1))
            repeat(random.nextInt(1, 8)) { harmed[random.nextInt(harmed.size)] = random.nextInt().toByte() }
            try {
                samples(harmed)
            } catch (e: AudioFileException) {
                assertTrue(e.message!!.isNotEmpty())
            }
        }
    }

    @Test
    fun aStreamThatGivesLittleAtATimeIsReadAll() {
        val content = wav(shorts(*IntArray(100) { it }))
        val slow = object : InputStream() {
            private val inner = content.inputStream()
            override fun read() = inner.read()
            override fun read(b: ByteArray, off: Int, len: Int) = inner.read(b, off, minOf(len, 3))
        }
        assertEquals(100, WavReader(slow).readFully(FloatArray(200)))
    }
}
