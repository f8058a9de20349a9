"""What computes networks: PyTorch, ONNX Runtime or OpenVINO, behind one call (`ml.runtime.sessions.open_session`)."""
