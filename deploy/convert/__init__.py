"""The Keras model as a TFLite flatbuffer: to float once, then in the numbers of each scheme."""
