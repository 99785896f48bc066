# SPDX-License-Identifier: Apache-2.0
# Builds a scripted module into the folder that all scripted modules share.

macro(slicerMacroBuildScriptedModule)
  _slicer_host_build_scripted_module(${ARGN})
endmacro()

function(_slicer_host_build_scripted_module)
  cmake_parse_arguments(MY_SLICER "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  message(STATUS "Configuring Scripted module: ${MY_SLICER_NAME}")
  if(MY_SLICER_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "Unknown keywords given to slicerMacroBuildScriptedModule(): \"${MY_SLICER_UNPARSED_ARGUMENTS}\"")
  endif()
  if(NOT DEFINED MY_SLICER_NAME)
    message(FATAL_ERROR "NAME is mandatory")
  endif()
  _slicer_host_check_files_exist(SCRIPTS RESOURCES)

  set(subfolder "")
  set(subfolder_option NO_INSTALL_SUBDIR)
  if(MY_SLICER_WITH_SUBDIR)
    get_filename_component(subfolder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    set(subfolder "/${subfolder}")
    set(subfolder_option "")
  endif()
  ctkMacroCompilePythonScript(
    TARGET_NAME ${MY_SLICER_NAME}
    SCRIPTS ${MY_SLICER_SCRIPTS}
    RESOURCES ${MY_SLICER_RESOURCES}
    DESTINATION_DIR "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}${subfolder}"
    INSTALL_DIR "${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}"
    ${subfolder_option}
    )
  if(BUILD_TESTING AND MY_SLICER_WITH_GENERIC_TESTS)
    _slicer_host_add_generic_test(${MY_SLICER_NAME})
  endif()
endfunction()

function(_slicer_host_check_files_exist)
  foreach(list_name ${ARGN})
    foreach(file IN LISTS MY_SLICER_${list_name})
      get_filename_component(path "${file}" ABSOLUTE)
      if(NOT EXISTS "${path}" AND NOT EXISTS "${path}.py")
        message(FATAL_ERROR
          "slicerMacroBuildScriptedModule(${list_name}) given nonexistent file or directory '${file}'")
      endif()
    endforeach()
  endforeach()
endfunction()

# The module loads, has a page and a title: what Slicer's generic tests look at, without a main window
function(_slicer_host_add_generic_test MODULENAME)
  set(script "qSlicer${MODULENAME}ModuleGenericTest.py")
  configure_file("${Slicer_CMAKE_DIR}/GenericTest.py.in" "${CMAKE_CURRENT_BINARY_DIR}/${script}" @ONLY)
  slicer_add_python_unittest(
    SCRIPT ${script}
    SLICER_ARGS --no-main-window --disable-cli-modules
      --additional-module-path "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}"
    TESTNAME_PREFIX nomainwindow_
    )
endfunction()
