"""What a change of settings would have done: detectors run over a recording, judged by what is known of that time."""
