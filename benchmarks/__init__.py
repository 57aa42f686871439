"""How fast is SynthBench beside another library, and what limits it?"""
