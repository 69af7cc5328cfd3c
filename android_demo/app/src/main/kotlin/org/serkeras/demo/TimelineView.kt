package org.serkeras.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View
import kotlin.math.roundToInt
import org.serkeras.demo.core.Moment

/**
 * What was heard lately: a lane a class, time from left to right, the surer the more solid; a thin line where there was
 * no speech. Lanes and names carry it, colours only help.
 */
class TimelineView(context: Context, attrs: AttributeSet?) : View(context, attrs) {
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.getColor(R.color.text_secondary)
        textSize = sp(12f)
    }
    private val lane = Paint().apply { color = context.getColor(R.color.track) }
    private val cell = Paint(Paint.ANTI_ALIAS_FLAG)
    private val quiet = Paint().apply { color = context.getColor(R.color.text_secondary) }
    private var classes = emptyList<String>()
    private var colors = emptyList<Int>()
    private var moments = emptyList<Moment>()
    private var end = 0.0
    private var seconds = 1.0
    private var live = true

    private val laneHeight get() = text.fontSpacing + sp(4f)

    /**
     * @param end seconds at the right edge.
     * @param seconds the width of the whole.
     * @param live the right edge is now; else a file's end.
     */
    fun show(classes: List<String>, moments: List<Moment>, end: Double, seconds: Double, live: Boolean) {
        if (classes != this.classes) {
            this.classes = classes
            colors = classColors(classes).map { context.getColor(it) }
            requestLayout()
        }
        this.moments = moments
        this.end = end
        this.seconds = seconds
        this.live = live
        contentDescription = describe()
        invalidate()
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val wanted = (classes.size * laneHeight + text.fontSpacing + sp(4f)).roundToInt()
        setMeasuredDimension(getDefaultSize(suggestedMinimumWidth, widthMeasureSpec), resolveSize(wanted, heightMeasureSpec))
    }

    override fun onDraw(canvas: Canvas) {
        if (classes.isEmpty()) return
        val left = classes.maxOf { text.measureText(shownName(it)) } + sp(8f)
        val thin = sp(1f)
        for (i in classes.indices) {
            val y = i * laneHeight
            canvas.drawText(shownName(classes[i]), 0f, y + laneHeight / 2 - (text.ascent() + text.descent()) / 2, text)
            canvas.drawRect(left, y + laneHeight - thin, width.toFloat(), y + laneHeight, lane)
        }
        val scale = (width - left) / seconds
        val bottom = classes.size * laneHeight
        for (moment in moments) {
            val from = (left + (moment.start - end + seconds) * scale).toFloat().coerceAtLeast(left)
            val to = (left + (moment.end - end + seconds) * scale).toFloat()
            val values = moment.probabilities
            if (values == null) {
                canvas.drawRect(from, bottom - 3 * thin, to, bottom, quiet)
                continue
            }
            for (i in classes.indices) {
                cell.color = colors[i]
                cell.alpha = (255 * values[i]).roundToInt()
                canvas.drawRect(from, i * laneHeight + thin, to, (i + 1) * laneHeight - thin, cell)
            }
        }
        val baseline = bottom + sp(2f) - text.ascent()
        val first = if (live) context.getString(R.string.seconds_ago, seconds.roundToInt()) else seconds(0.0)
        canvas.drawText(first, left, baseline, text)
        text.textAlign = Paint.Align.RIGHT
        canvas.drawText(if (live) context.getString(R.string.now) else seconds(end), width.toFloat(), baseline, text)
        text.textAlign = Paint.Align.LEFT
    }

    private fun describe(): String {
        val spoken = moments.filter { it.probabilities != null }
        if (spoken.isEmpty()) return context.getString(R.string.timeline_empty)
        val tops = spoken.groupBy { m -> m.probabilities!!.let { p -> p.indices.maxBy { p[it] } } }
        val parts = tops.mapValues { (_, all) -> all.sumOf { it.end - it.start } }.toList().sortedByDescending { it.second }
        val said = parts.joinToString(", ") { (index, length) ->
            context.getString(R.string.timeline_part, shownName(classes[index]), length.roundToInt())
        }
        return context.getString(R.string.timeline_description, said)
    }

    private fun seconds(value: Double) = context.getString(R.string.seconds, value)

    private fun sp(size: Float) = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, size, resources.displayMetrics)
}
