package org.serkeras.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View

/** How loud it is now, from -60 dBFS to 0. */
class LevelMeterView(context: Context, attrs: AttributeSet?) : View(context, attrs) {
    private val track = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.track) }
    private val fill = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.accent) }
    private var share = 0f

    fun show(dbfs: Double) {
        val next = ((dbfs - QUIETEST) / -QUIETEST).coerceIn(0.0, 1.0).toFloat()
        if (next != share) {
            share = next
            invalidate()
        }
    }

    override fun onDraw(canvas: Canvas) {
        val round = height / 2f
        canvas.drawRoundRect(0f, 0f, width.toFloat(), height.toFloat(), round, round, track)
        if (share > 0) canvas.drawRoundRect(0f, 0f, maxOf(height.toFloat(), share * width), height.toFloat(), round, round, fill)
    }

    private companion object {
        const val QUIETEST = -60.0
    }
}
