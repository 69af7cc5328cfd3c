package org.serkeras.demo.core

import java.io.BufferedInputStream
import java.io.DataInputStream
import java.io.EOFException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Why a file can't be used, in one line. */
open class AudioFileException(message: String) : Exception(message)

/** A WAV file in order whose coding [WavReader] doesn't know; a phone's decoders may. */
class UnusualCodingException(message: String) : AudioFileException(message)

/** Mono samples in [-1, 1] that come in order. */
interface SampleSource : AutoCloseable {
    /** Hz. */
    val sampleRate: Int

    /** Fill [into] from its start; returns how many were read, 0 at the end. */
    fun read(into: FloatArray): Int
}

/** Reads until [into] is full or the source ends; returns how many samples it holds. */
fun SampleSource.readFully(into: FloatArray): Int {
    var filled = 0
    while (filled < into.size) {
        val part = FloatArray(into.size - filled)
        val count = read(part)
        if (count == 0) break
        part.copyInto(into, filled, 0, count)
        filled += count
    }
    return filled
}

/**
 * A WAV file as a stream of mono samples: PCM of 8, 16, 24 or 32 bits and floats of 32 or 64, any rate, channels
 * averaged.
 *
 * @throws AudioFileException not such a file, or one that ends early; the stream stays open then.
 */
class WavReader(stream: InputStream) : SampleSource {
    private val input = DataInputStream(BufferedInputStream(stream))
    private val bytesPerSample: Int
    private val channels: Int
    private val float: Boolean
    private var position = 12L // in the file, while its header is read
    private var remaining: Long // bytes of the data chunk
    private val endless: Boolean // a recorder that streams can't know the length: read to the end

    override val sampleRate: Int

    init {
        try {
            if (tag() != "RIFF") throw AudioFileException("is no WAV file")
            littleInt()
            if (tag() != "WAVE") throw AudioFileException("is no WAV file")
            val format = ByteBuffer.wrap(seek("fmt ").let { chunk(minOf(it, 64L).toInt(), it) })
            format.order(ByteOrder.LITTLE_ENDIAN)
            if (format.limit() < 16) throw AudioFileException("has a damaged header")
            var code = format.getShort(0).toInt() and 0xffff
            if (code == EXTENSIBLE && format.limit() >= 26) code = format.getShort(24).toInt() and 0xffff
            channels = format.getShort(2).toInt() and 0xffff
            sampleRate = format.getInt(4)
            val bits = format.getShort(14).toInt() and 0xffff
            float = code == FLOAT
            bytesPerSample = bits / 8
            if (!(code == PCM && bits in setOf(8, 16, 24, 32) || float && bits in setOf(32, 64))) {
                throw UnusualCodingException("holds compressed or unusual audio (format $code, $bits bits): use PCM")
            }
            if (channels !in 1..MAX_CHANNELS || sampleRate !in RATES) {
                throw AudioFileException("has $channels channels at $sampleRate Hz: use 1 to $MAX_CHANNELS, 4 to 768 kHz")
            }
            val length = seek("data")
            endless = if (length == 0L) isUnclosed() else length in UNKNOWN_LENGTHS
            remaining = if (endless) Long.MAX_VALUE else length
        } catch (e: EOFException) {
            throw AudioFileException("ends within its header")
        } catch (e: IOException) {
            throw AudioFileException("can't be read: ${e.message}")
        }
    }

    override fun read(into: FloatArray): Int {
        val frame = bytesPerSample * channels
        val wanted = minOf(into.size.toLong(), remaining / frame).toInt()
        val bytes = ByteArray(wanted * frame)
        val count = try {
            fill(bytes) / frame
        } catch (e: IOException) {
            throw AudioFileException("can't be read: ${e.message}")
        }
        if (count < wanted && !endless) throw AudioFileException("ends early: it is truncated")
        remaining -= count.toLong() * frame
        val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        for (i in 0 until count) {
            var sum = 0.0
            repeat(channels) { sum += sample(buffer) }
            val value = sum / channels
            if (!value.isFinite() || value !in -OVERDRIVE..OVERDRIVE) {
                throw AudioFileException("holds samples that are no audio in [-1, 1]")
            }
            into[i] = value.coerceIn(-1.0, 1.0).toFloat()
        }
        return count
    }

    override fun close() = input.close()

    private fun sample(buffer: ByteBuffer): Double = when {
        float && bytesPerSample == 4 -> buffer.getFloat().toDouble()
        float -> buffer.getDouble()
        bytesPerSample == 1 -> ((buffer.get().toInt() and 0xff) - 128) / 128.0
        bytesPerSample == 2 -> buffer.getShort() / 32768.0
        bytesPerSample == 3 -> {
            val low = buffer.getShort().toInt() and 0xffff
            (buffer.get().toInt() shl 16 or low) / 8388608.0
        }
        else -> buffer.getInt() / 2147483648.0
    }

    /** Skip to the chunk [name]; returns its length. */
    private fun seek(name: String): Long {
        while (true) {
            val found = tag()
            val length = littleInt().toLong() and 0xffffffffL
            position += 8
            if (found == name) return length
            skip(padded(length))
            position += padded(length)
        }
    }

    /** Whether samples follow a data chunk of length 0, as where a recorder was killed, and not a further chunk. */
    private fun isUnclosed(): Boolean {
        if (position >= MAX_HEADER) return false
        input.mark(LOOK_AHEAD)
        val start = ByteArray(8)
        val named = fill(start) == 8 && (0 until 4).all { start[it] in 32..126 }
        val length = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getInt(4).toLong() and 0xffffffffL
        val chunk = named && length <= LOOK_AHEAD - 8 && fill(ByteArray(length.toInt())) == length.toInt()
        input.reset()
        return !chunk
    }

    private fun chunk(kept: Int, length: Long): ByteArray {
        val content = ByteArray(kept).also(input::readFully)
        skip(padded(length) - kept)
        position += padded(length)
        return content
    }

    /** Chunks are padded to even lengths. */
    private fun padded(length: Long) = length + (length and 1)

    private fun skip(count: Long) {
        var left = count
        while (left > 0) {
            val skipped = input.skip(left)
            if (skipped <= 0) {
                input.readByte() // the end shows here
                left--
            } else {
                left -= skipped
            }
        }
    }

    private fun fill(bytes: ByteArray): Int {
        var filled = 0
        while (filled < bytes.size) {
            val count = input.read(bytes, filled, bytes.size - filled)
            if (count < 0) break
            filled += count
        }
        return filled
    }

    private fun tag() = String(ByteArray(4).also(input::readFully), Charsets.ISO_8859_1)

    private fun littleInt() = Integer.reverseBytes(input.readInt())

    private companion object {
        const val PCM = 1
        const val FLOAT = 3
        const val EXTENSIBLE = 0xfffe
        const val MAX_CHANNELS = 64
        const val OVERDRIVE = 8.0 // as in ser_keras.audio.reading: integers that nobody scaled, noise
        val RATES = 4000..768000

        // as in ser_keras.audio.containers: what writers put that can't seek back, and how far the samples' start is believed
        val UNKNOWN_LENGTHS = setOf(0x7ffff000L, 0x7fffffffL, 0x80000000L, 0xffffffffL)
        const val MAX_HEADER = 1 shl 20
        const val LOOK_AHEAD = 1 shl 20 // what names itself a longer chunk is taken for samples
    }
}
