"""How fast is SynthGym beside another library, and what limits it?"""
