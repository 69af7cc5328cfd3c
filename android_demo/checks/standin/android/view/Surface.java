package android.view;

public class Surface {
    private Surface() { }
}
