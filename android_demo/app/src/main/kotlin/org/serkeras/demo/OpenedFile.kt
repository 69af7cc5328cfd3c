package org.serkeras.demo

import android.content.Context
import android.net.Uri
import android.provider.OpenableColumns
import java.io.FileNotFoundException
import org.serkeras.demo.core.AudioFileException
import org.serkeras.demo.core.SampleSource
import org.serkeras.demo.core.UnusualCodingException
import org.serkeras.demo.core.WavReader

/** A file that the person chose in the system's picker. */
class OpenedFile(private val context: Context, private val uri: Uri) {
    /** What the picker called it. Asks the app that has the file, which may take its time. */
    fun name(): String {
        val columns = arrayOf(OpenableColumns.DISPLAY_NAME)
        val found = try {
            context.contentResolver.query(uri, columns, null, null, null)?.use { rows ->
                if (rows.moveToFirst()) rows.getString(0) else null
            }
        } catch (e: RuntimeException) { // whatever that app throws; opening the file will say so
            null
        }
        return found ?: uri.lastPathSegment ?: uri.toString()
    }

    /** Its samples: WAV by our own reader, everything else, also what WAV seldom holds, by the phone's decoders. */
    fun open(): SampleSource {
        val start = ByteArray(12)
        val count = stream().use { it.read(start) }
        val isWav = count == 12 && String(start, 0, 4, Charsets.ISO_8859_1) == "RIFF"
        return if (isWav) wav() else MediaDecoder(context, uri)
    }

    private fun wav(): SampleSource {
        val stream = stream()
        try {
            return WavReader(stream)
        } catch (e: UnusualCodingException) {
            stream.close()
            try {
                return MediaDecoder(context, uri)
            } catch (unknown: AudioFileException) {
                throw e // it says more
            }
        } catch (e: AudioFileException) {
            stream.close()
            throw e
        } catch (e: RuntimeException) {
            stream.close()
            throw e
        }
    }

    private fun stream() = context.contentResolver.openInputStream(uri) ?: throw FileNotFoundException("nothing is there")
}
