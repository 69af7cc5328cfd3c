package android.os;

import java.util.HashMap;
import java.util.Map;

public class BaseBundle {
    private final Map<String, Object> held = new HashMap<>();

    public boolean getBoolean(String key) { return Boolean.TRUE.equals(held.get(key)); }

    public void putBoolean(String key, boolean value) { held.put(key, value); }
}
