"""A flatbuffer run on the runtime of its target: outputs, errors against Keras, time, memory."""
