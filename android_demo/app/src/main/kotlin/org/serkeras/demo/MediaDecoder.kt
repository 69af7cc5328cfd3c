package org.serkeras.demo

import android.content.Context
import android.media.AudioFormat
import android.media.MediaCodec
import android.media.MediaExtractor
import android.media.MediaFormat
import android.net.Uri
import java.io.IOException
import java.nio.ByteOrder
import org.serkeras.demo.core.AudioFileException
import org.serkeras.demo.core.SampleSource

/**
 * A compressed file (m4a, mp3, ogg, flac, what the phone knows) as mono samples, decoded as it is read.
 *
 * @throws AudioFileException no audio in it, or the phone has no decoder for it.
 */
class MediaDecoder(context: Context, uri: Uri) : SampleSource {
    private val extractor = MediaExtractor()
    private var codec: MediaCodec? = null
    private val info = MediaCodec.BufferInfo()
    private var channels = 1
    private var inputDone = false
    private var outputDone = false
    private var decoded = FloatArray(0)
    private var taken = 0

    /** Of the decoder's output; a file's header may say half of it (HE-AAC). */
    final override var sampleRate = 0
        private set

    init {
        try {
            extractor.setDataSource(context, uri, null)
            val formats = (0 until extractor.trackCount).map(extractor::getTrackFormat)
            val track = formats.indexOfFirst { it.getString(MediaFormat.KEY_MIME).orEmpty().startsWith("audio/") }
            if (track < 0) throw AudioFileException("holds no audio")
            extractor.selectTrack(track)
            val made = MediaCodec.createDecoderByType(formats[track].getString(MediaFormat.KEY_MIME)!!)
            codec = made
            made.configure(formats[track], null, null, 0)
            made.start()
            adopt(formats[track])
            while (decoded.isEmpty() && !outputDone) step(made) // until the true rate is known
        } catch (e: IOException) {
            close()
            throw AudioFileException("can't be read: ${e.message}")
        } catch (e: IllegalArgumentException) {
            close()
            throw AudioFileException("is of a kind that this phone can't decode")
        } catch (e: IllegalStateException) { // MediaCodec.CodecException is one
            close()
            throw AudioFileException("can't be decoded: it may be damaged")
        } catch (e: AudioFileException) {
            close()
            throw e
        }
    }

    override fun read(into: FloatArray): Int {
        val running = codec ?: return 0
        try {
            while (taken == decoded.size && !outputDone) step(running)
        } catch (e: IllegalStateException) {
            throw AudioFileException("can't be decoded to its end: it may be damaged")
        }
        val count = minOf(into.size, decoded.size - taken)
        decoded.copyInto(into, 0, taken, taken + count)
        taken += count
        return count
    }

    override fun close() {
        codec?.release()
        codec = null
        extractor.release()
    }

    /** Feed the decoder and take what it has, if anything. */
    private fun step(running: MediaCodec) {
        if (!inputDone) feed(running)
        val index = running.dequeueOutputBuffer(info, WAIT_MICROSECONDS)
        if (index == MediaCodec.INFO_OUTPUT_FORMAT_CHANGED) adopt(running.outputFormat)
        if (index < 0) return
        val buffer = running.getOutputBuffer(index)
        if (buffer != null && info.size > 0) {
            buffer.position(info.offset)
            buffer.limit(info.offset + info.size)
            val shorts = buffer.order(ByteOrder.nativeOrder()).asShortBuffer()
            decoded = FloatArray(shorts.remaining() / channels) {
                var sum = 0f
                repeat(channels) { sum += shorts.get() / 32768f }
                sum / channels
            }
            taken = 0
        }
        if (info.flags and MediaCodec.BUFFER_FLAG_END_OF_STREAM != 0) outputDone = true
        running.releaseOutputBuffer(index, false)
    }

    private fun feed(running: MediaCodec) {
        val index = running.dequeueInputBuffer(WAIT_MICROSECONDS)
        if (index < 0) return
        val buffer = running.getInputBuffer(index) ?: return
        val count = extractor.readSampleData(buffer, 0)
        if (count < 0) {
            inputDone = true
            running.queueInputBuffer(index, 0, 0, 0, MediaCodec.BUFFER_FLAG_END_OF_STREAM)
        } else {
            running.queueInputBuffer(index, 0, count, extractor.sampleTime, 0)
            extractor.advance()
        }
    }

    private fun adopt(format: MediaFormat) {
        channels = format.getInteger(MediaFormat.KEY_CHANNEL_COUNT)
        sampleRate = format.getInteger(MediaFormat.KEY_SAMPLE_RATE)
        val named = format.containsKey(MediaFormat.KEY_PCM_ENCODING)
        if (named && format.getInteger(MediaFormat.KEY_PCM_ENCODING) != AudioFormat.ENCODING_PCM_16BIT) {
            throw AudioFileException("is decoded to something else than 16 bits")
        }
    }

    private companion object {
        const val WAIT_MICROSECONDS = 10_000L
    }
}
